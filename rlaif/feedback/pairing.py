"""How completions are paired: the plan, and which two of a prompt are compared. Pure; no order of theirs counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    keep_truncated: bool = False
    """Also pair completions that were cut off before their end."""
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
        seed=seed,
        round=round,
        judge_sees=judge_sees,
    )


def _chosen(options: PairingOptions) -> Mapping[str, Any]:
    return {"pairing": options.pairing, "inconsistent": options.inconsistent}


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
    """
    shuffled = sorted(scored, key=lambda each: derived_seed(seed, "pairing", each.completion.id))
    ranked = sorted(shuffled, key=lambda each: each.rank_key, reverse=True)
    if len(ranked) < 2:
        return []
    match pairing:
        case "all":
            return list(combinations(ranked, 2))
        case "best-worst":
            return [(ranked[0], ranked[-1])]
        case "rank":
            return list(pairwise(ranked))
        case "random":
            return [(shuffled[0], shuffled[1])]
        case "same":
            return [
                (one, other)
                for one, other in combinations(ranked, 2)
                if frozenset((one.completion.id, other.completion.id)) in among
            ]
