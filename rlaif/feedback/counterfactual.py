"""What another constitution would make of pairs that are judged, and which of its changes is the reason. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from rlaif.constitution.diff import DECIDE
from rlaif.feedback.pairing import Candidate, PairPlan
from rlaif.feedback.pairs import settle
from rlaif.feedback.score import ScoredCompletion, score_completions
from rlaif.records import Constitution, Judgment, NoPair, Principle, State

Turn = Literal["flip", "vanish", "appear"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A constitution with all that was judged by it."""

    constitution: Constitution
    alone: Mapping[str, Sequence[Judgment]]
    """Judgments of single completions by prompt id."""
    compared: Mapping[frozenset[str], Sequence[Judgment]]
    """Comparisons by the two completions."""


class PairOutcome(NamedTuple):
    """What a candidate comes to: a chosen completion, or the reason why there is none."""

    chosen: str | None
    label_prob: float | None
    """P(chosen better); None without one."""
    reason: NoPair | None

    def __str__(self) -> str:
        return f"label {self.label_prob:.3f}" if self.label_prob is not None else f"no pair: {self.reason}"


def outcome(candidate: Candidate, side: Side, plan: PairPlan) -> PairOutcome:
    """Return what `make_pairs` would make of this candidate under `side`'s constitution and judgments. Asks nothing."""
    alone = side.alone.get(candidate.prompt.id, [])
    texts = [candidate.better.completion, candidate.worse.completion]
    scored = score_completions(candidate.prompt, texts, alone, side.constitution)
    if any(each.score is None for each in scored):
        return PairOutcome(None, None, _unscored(scored))
    better, worse = sorted(scored, key=lambda each: each.rank_key, reverse=True)
    if better.rank_key == worse.rank_key and plan.pairing != "random":
        return PairOutcome(None, None, NoPair.TIE)
    ranked = Candidate(candidate.prompt, better, worse)
    readings = side.compared.get(candidate.ids, [])
    decision, reason = settle(ranked, readings, alone, side.constitution, plan)
    label = decision.label_prob
    if reason is not None or label is None:
        return PairOutcome(None, None, reason)
    chosen = better if label >= 0.5 else worse
    return PairOutcome(chosen.completion.id, max(label, 1 - label), None)


def turn(before: PairOutcome, after: PairOutcome) -> Turn | None:
    """How the pair changes; None where the same side is chosen, or there is no pair in either."""
    if before.chosen == after.chosen:
        return None
    if before.chosen is None:
        return "appear"
    return "vanish" if after.chosen is None else "flip"


def through(
    candidate: Candidate, before: Side, after: Side, changed: Sequence[str], plan: PairPlan
) -> list[str]:
    """Return which of the `changed` principle ids (and `DECIDE`) explain that the outcome changed.

    Those of which one change suffices; where none does, those without which the outcome would not change; else all.
    """
    target = outcome(candidate, after, plan).chosen

    def leads(taken: Collection[str]) -> bool:
        return outcome(candidate, _mixed(candidate, before, after, taken), plan).chosen == target

    alone = [each for each in changed if leads({each})]
    needed = [each for each in changed if not leads({*changed} - {each})] if not alone else []
    return alone or needed or list(changed)


def _mixed(candidate: Candidate, before: Side, after: Side, taken: Collection[str]) -> Side:
    """`before` with the changes of `taken`, and the judgments of each principle from where it comes."""
    old = {each.id: each for each in before.constitution.principles}
    new = {each.id: each for each in after.constitution.principles}
    principles: dict[str, Principle] = {}
    for name in [*new, *(each for each in old if each not in new)]:
        held = (new if name in taken else old).get(name)
        if held is not None:
            principles[name] = held
    decided = after.constitution if DECIDE in taken else before.constitution
    order = [each.id for each in decided.principles]
    ordered = sorted(principles.values(), key=lambda each: _place(each.id, order))
    prompt, ids = candidate.prompt.id, candidate.ids
    constitution = replace(before.constitution, principles=tuple(ordered), decide=decided.decide)
    alone = _from(before.alone.get(prompt, []), after.alone.get(prompt, []), taken)
    compared = _from(before.compared.get(ids, []), after.compared.get(ids, []), taken)
    return Side(constitution=constitution, alone={prompt: alone}, compared={ids: compared})


def _from(before: Sequence[Judgment], after: Sequence[Judgment], taken: Collection[str]) -> list[Judgment]:
    return [
        *(each for each in before if each.principle_id not in taken),
        *(each for each in after if each.principle_id in taken),
    ]


def _place(name: str, order: Sequence[str]) -> int:
    # what the order does not know was added: behind all others
    return order.index(name) if name in order else len(order)


def _unscored(scored: Sequence[ScoredCompletion]) -> NoPair:
    states = {
        state for each in scored for state in each.states if each.score is None and state is not State.SCORE
    }
    return next((NoPair(state.value) for state in State if state in states), NoPair.UNDECIDED)
