"""Combine the judgments of a pair into one verdict for each order, by the constitution's decision rule. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rlaif.exchange.gold import GoldPair, Orders, RecordedVerdict
from rlaif.judging.decide import Decision, hard_ruling
from rlaif.judging.rules import RULES, asked, principle_of, vote_of
from rlaif.judging.scales import at_temperature
from rlaif.records import Constitution, Judgment, NoPair, State

NOTHING = RecordedVerdict(State.ABSTAIN)


def orders_of(
    constitution: Constitution,
    pair: GoldPair,
    judgments: Sequence[Judgment],
    checklist: Sequence[Judgment] = (),
) -> Orders:
    """The verdict of each order; `judgments` are of this pair, each with both completions.

    `checklist` holds what was said of each alone: a hard principle that one breaks decides in either order.
    """
    first, second = (each.id for each in pair.completions)
    principles = asked(constitution, pair.prompt, judgments)
    ruled = hard_ruling(principles, checklist, first, second)
    if ruled is not None:
        verdict = _ruled(ruled)
        return Orders(verdict, verdict)
    forward = [each for each in judgments if each.completion_ids == (first, second)]
    swapped = [each for each in judgments if each.completion_ids == (second, first)]
    if shared := _read(forward) & _read(swapped):
        # two orders that are sums over different principles differ by the principles
        forward, swapped = (
            [each for each in own if principle_of(each) in shared] for own in (forward, swapped)
        )
    return Orders(
        _verdict(constitution, pair, forward, turned=False),
        _verdict(constitution, pair, swapped, turned=True),
    )


def _read(judgments: Sequence[Judgment]) -> set[str]:
    """The principles that could be read."""
    return {principle_of(each) for each in judgments if _p(each, turned=False) is not None}


def _ruled(decision: Decision) -> RecordedVerdict:
    if decision.label_prob is not None:
        return RecordedVerdict(State.PREFERENCE, decision.label_prob)
    if decision.reason is NoPair.BOTH_VIOLATE or decision.reason is None:
        return RecordedVerdict(State.TIE)
    return RecordedVerdict(State(decision.reason.value))


def _verdict(
    constitution: Constitution, pair: GoldPair, judgments: Sequence[Judgment], *, turned: bool
) -> RecordedVerdict:
    known = {each.id: each for each in asked(constitution, pair.prompt, judgments)}
    said = [
        (known[principle_of(each)], _p(each, turned)) for each in judgments if principle_of(each) in known
    ]
    heard = [vote_of(principle, p) for principle, p in said if p is not None]
    if not heard:
        return _failure(judgments)
    if all(each.state is State.TIE for each in judgments):
        return RecordedVerdict(State.TIE)
    if len(heard) == 1:
        # one principle's own number: what clips and cools many would only blunt it
        return RecordedVerdict(State.PREFERENCE, heard[0].p)
    p = at_temperature(RULES[constitution.decide.rule](heard), constitution.decide.temperature)
    return RecordedVerdict(State.PREFERENCE, p)


def _p(judgment: Judgment, turned: bool) -> float | None:
    if judgment.state is State.TIE:
        return 0.5
    if judgment.state is not State.PREFERENCE or judgment.value is None:
        return None
    return 1 - judgment.value if turned else judgment.value


def _failure(judgments: Sequence[Judgment]) -> RecordedVerdict:
    states = Counter(each.state for each in judgments)
    return RecordedVerdict(states.most_common(1)[0][0]) if states else NOTHING
