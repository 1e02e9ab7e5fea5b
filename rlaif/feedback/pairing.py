"""How completions are paired: the plan, and which two of a prompt are compared. Pure; no order of theirs counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise
from typing import Any, Literal, NamedTuple, Protocol

from rlaif.feedback.chosen_principles import ALL, Choice, applying, drawn
from rlaif.feedback.score import ScoredCompletion
from rlaif.hashing import derived_seed
from rlaif.judging.decide import Inconsistent
from rlaif.judging.protocols import PER_PAIR, Asking
from rlaif.judging.shown import Sees
from rlaif.records import Completion, Constitution, Prompt, side_id

Pairing = Literal["all", "best-worst", "random", "rank", "same"]
SAME: Pairing = "same"
PAIRINGS: tuple[Pairing, ...] = ("all", "best-worst", "random", "rank")
"""How completions can be chosen. `same` says that they were chosen before, and `PairPlan.among` which."""
Truncated = Literal["drop", "reject"]
"""A completion that was cut off: `drop` leaves it out, `reject` lets it lose. It is never a chosen one."""
BY_SCORE: tuple[Pairing, ...] = ("all", "best-worst", "rank")
"""Where the scores say which two are worth a comparison."""
NO_PAIRWISE = "none"
"""In the place of a pairwise protocol: two completions are decided by what was said of each by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPlan:
    """How pairs are made."""

    pairing: Pairing = "best-worst"
    among: frozenset[frozenset[str]] = frozenset()
    """Of pairing `same`: the ids of each two completions that are compared."""
    then: str = PER_PAIR
    """The pairwise protocol that decides between two candidates; `none` decides by the pointwise judgments."""
    asking: Asking | None = None
    """How that protocol asks; None: in its own way, with the plan's seed."""
    inconsistent: Inconsistent = "drop"
    seed: int = 0
    round: int = 0
    judge_sees: Sees = "answer"
    """What two completions must differ in to be two: their answers, or their thoughts too."""
    choice: Choice = ALL
    """By which principles two are compared: all that apply, some `drawn` anew for each two, or of these ids."""
    draws: int = 1
    """How many are drawn, where some are: their votes are one label (an ensemble over principles)."""
    clamp: float | None = None
    """The highest label probability: .6 keeps labels from .4 to .6 (2212.08073, behind a chain of thought)."""
    truncated: Truncated = "drop"
    """What becomes of a completion that was cut off before its end: it makes no pair, or may be a rejected side."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Goes into every pair beside what is known here."""


class PairingOptions(Protocol):
    """What a command, a step of a recipe and a recorded run can say of pairing."""

    @property
    def pairing(self) -> Pairing:
        """Which completions of a prompt are compared."""

    @property
    def inconsistent(self) -> Inconsistent:
        """What becomes of a pair whose two orders prefer different completions: dropped, or averaged."""

    @property
    def truncated(self) -> Truncated:
        """What becomes of completions that were cut off: dropped, or rejected sides."""


def pair_plan(
    options: PairingOptions | Mapping[str, Any],
    *,
    then: str,
    asking: Asking | None,
    seed: int,
    round: int = 0,
    among: frozenset[frozenset[str]] = frozenset(),
    judge_sees: Sees = "answer",
) -> PairPlan:
    """The plan of these options, which are fields of a configuration or a row that a run recorded.

    `asking` is how the pairwise protocol `then` asks; None where it is `none`, or asks in its own way.
    """
    chosen = options if isinstance(options, Mapping) else _chosen(options)
    return PairPlan(
        pairing=chosen["pairing"],
        among=among,
        then=then,
        asking=None if then == NO_PAIRWISE else asking,
        inconsistent=chosen["inconsistent"],
        # a run of an earlier version had no choice, and says nothing
        truncated=chosen.get("truncated", "drop"),
        seed=seed,
        round=round,
        judge_sees=judge_sees,
    )


def _chosen(options: PairingOptions) -> Mapping[str, Any]:
    return {
        "pairing": options.pairing,
        "inconsistent": options.inconsistent,
        "truncated": options.truncated,
    }


def as_seen(completion: Completion, sees: Sees) -> str:
    """What a judge sees of a completion, as an id: two that look the same to it are one."""
    if sees == "all" or not any(each.thought for each in completion.turns):
        return completion.id
    return side_id(completion.prompt_id, [replace(each, thought="") for each in completion.turns])


class Candidate(NamedTuple):
    """Two completions of one prompt, the better scored first."""

    prompt: Prompt
    better: ScoredCompletion
    worse: ScoredCompletion

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the two completions, without their order."""
        return frozenset((self.better.completion.id, self.worse.completion.id))


def compared_by(constitution: Constitution, candidate: Candidate, plan: PairPlan) -> Constitution:
    """The constitution with those principles alone that these two completions are compared by."""
    if plan.choice == ALL:
        return constitution
    choice = ALL if isinstance(plan.choice, str) else plan.choice
    meant = applying(constitution, candidate.prompt, choice)
    parts = (plan.seed, plan.round, "pair", candidate.prompt.id, *sorted(candidate.ids))
    return replace(constitution, principles=drawn(meant, *parts, count=plan.draws))


def candidate_pairs(
    scored: Sequence[ScoredCompletion],
    pairing: Pairing,
    seed: int,
    among: frozenset[frozenset[str]] = frozenset(),
) -> list[tuple[ScoredCompletion, ScoredCompletion]]:
    """Pairs of differing completions of one prompt, the better scored first where scores decide.

    `all`: every two. `best-worst`: the ends of the ranking. `rank`: neighbours in the ranking. `random`: one pair by
    chance. `same`: those in `among`. Equal scores are ordered by chance too, the chance of `seed` and their ids.

    A completion that was cut off may lose and never win: the best is then the best of the whole ones, and two of which
    it is the better one make no pair.
    """
    shuffled = sorted(scored, key=lambda each: derived_seed(seed, "pairing", each.completion.id))
    ranked = sorted(shuffled, key=lambda each: each.rank_key, reverse=True)
    if len(ranked) < 2:
        return []
    two: Iterable[tuple[ScoredCompletion, ScoredCompletion]]
    match pairing:
        case "all":
            two = combinations(ranked, 2)
        case "best-worst":
            two = [(_first_whole(ranked), ranked[-1])]
        case "rank":
            two = pairwise(ranked)
        case "random":
            one = _first_whole(shuffled)
            two = [(one, next(each for each in shuffled if each is not one))]
        case "same":
            two = [
                (one, other)
                for one, other in combinations(ranked, 2)
                if frozenset((one.completion.id, other.completion.id)) in among
            ]
    return [found for one, other in two if (found := _whole_first(one, other)) is not None]


def is_cut(completion: Completion) -> bool:
    """Whether a completion ran out of room."""
    return completion.finish == "length"


def _first_whole(scored: Sequence[ScoredCompletion]) -> ScoredCompletion:
    """The first that was not cut off; the first one where all were."""
    return next((each for each in scored if not is_cut(each.completion)), scored[0])


def _whole_first(
    one: ScoredCompletion, other: ScoredCompletion
) -> tuple[ScoredCompletion, ScoredCompletion] | None:
    """The two with one that may be chosen first; None where no pair can come of them."""
    if one is other:
        return None
    if not is_cut(one.completion):
        return one, other
    return None if is_cut(other.completion) or one.rank_key != other.rank_key else (other, one)
