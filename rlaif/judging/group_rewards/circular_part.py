"""A judge that compares neighbours in a circle of a prompt's completions, each two in both orders: 2 G calls for G.

    r_i = mean over the comparisons of i that could be read of P(i is better)

After Nemotron-3's group comparison, whose one order and whose ties for failures are mended: a comparison whose orders
disagree, or that could not be read, did not take place, and is never a tie. Over random circles the mean of r_i is the
share of the siblings that i beats.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import fsum

from rlaif.errors import InputError
from rlaif.hashing import derived_seed, digest
from rlaif.judging.ask_protocol import ask_pairwise
from rlaif.judging.decide import MIN_READ, Decision, decide
from rlaif.judging.group_rewards.part import PromptGroup, in_order
from rlaif.judging.labels import CallReading
from rlaif.judging.pointwise import judge_hard_principles
from rlaif.judging.protocol import Judge, Two, reads_principles
from rlaif.judging.protocols import Asking, pairwise, refusal
from rlaif.judging.rules import breaks
from rlaif.judging.scales import Scale
from rlaif.records import EVEN, Completion, Constitution, Judgment, NoPair, Prompt, State

EQUAL = CallReading(State.SCORE, EVEN, detail="all completions of its prompt are equal")
ALONE = CallReading(State.ABSTAIN, detail="there is nothing to compare it with")
DISAGREE = "both orders disagree"


@dataclass(slots=True)
class _Standing:
    """What the comparisons of one completion said so far."""

    shares: list[float] = field(default_factory=list)
    failures: list[CallReading] = field(default_factory=list)
    draws: int = 0
    """How often it was drawn."""

    def reading(self) -> CallReading:
        if self.shares:
            return CallReading(State.SCORE, fsum(self.shares) / len(self.shares))
        if self.failures:
            return Counter(self.failures).most_common(1)[0][0]
        return EQUAL if self.draws > 1 else ALONE


class CircularPart:
    """The share of its comparisons that a completion wins. How one is decided is the constitution's `decide`.

    Hard principles are asked of each completion by the checklist; each that is violated takes off one, and where one
    could not be read, there is no number.
    """

    def __init__(
        self,
        name: str,
        judge: Judge,
        constitution: Constitution,
        *,
        protocol: str,
        how: Asking | None = None,
    ) -> None:
        """`protocol` compares two completions. Raises InputError where it cannot ask this judge."""
        chosen = pairwise(protocol)
        if chosen.judges and not isinstance(judge, chosen.judges):
            raise InputError(f"{judge.name}: {refusal(chosen.name, chosen.judges)}")
        loose = tuple(each for each in constitution.principles if not each.hard)
        if reads_principles(judge) and not loose:
            raise InputError(
                f"{constitution.name}: all principles are hard, and nothing is left to compare completions by; "
                "let one be not hard, or take protocol checklist"
            )
        self.name, self.judge, self.protocol, self.how = name, judge, chosen, how or Asking()
        self.whole, self.compared = constitution, replace(constitution, principles=loose)
        self.fingerprint = digest(
            "circular reward",
            judge.fingerprint,
            chosen.name,
            constitution.digest if reads_principles(judge) else "",
            [self.how.seed, self.how.samples, self.how.again],
        )

    @property
    def scale(self) -> Scale:
        """From 0 to 1, and one less for each hard principle."""
        hard = sum(each.hard for each in self.whole.principles) if reads_principles(self.judge) else 0
        return Scale(lowest=0.0 - hard, highest=1.0)

    def readings(self, groups: Sequence[PromptGroup], *, step: int, seed: int) -> list[CallReading]:
        """One a completion. The order of the circle derives from the seed and from ids, never from places."""
        unique: dict[str, tuple[Prompt, dict[str, Completion]]] = {}
        for group in groups:
            own = unique.setdefault(group.prompt.id, (group.prompt, {}))[1]
            own |= {each.id: each for each in group.completions}
        asked = [
            (prompt, *two) for prompt, own in unique.values() for two in _circle(list(own.values()), seed)
        ]
        said: dict[frozenset[str], list[Judgment]] = {}
        for each in ask_pairwise(self.protocol, self.judge, asked, self.compared.principles, self.how):
            said.setdefault(frozenset(each.completion_ids), []).append(each)
        standings = {name: _Standing() for _, own in unique.values() for name in own}
        for group in groups:
            for one in group.completions:
                standings[one.id].draws += 1
        for comparison in asked:
            self._count(comparison, said, standings)
        found = {name: each.reading() for name, each in standings.items()}
        everyone = [(prompt, each) for prompt, own in unique.values() for each in own.values()]
        hard = judge_hard_principles(self.judge, self.whole, everyone)
        return in_order(groups, _without_violators(found, hard))

    def _count(
        self,
        comparison: Two,
        said: Mapping[frozenset[str], Sequence[Judgment]],
        standings: Mapping[str, _Standing],
    ) -> None:
        prompt, one, other = comparison
        judgments = said.get(frozenset((one.id, other.id)), ())
        decision = decide(self.compared, prompt, judgments, first=one.id)
        share = _share(decision)
        if share is None:
            failure = _failure(decision, judgments)
            standings[one.id].failures.append(failure)
            standings[other.id].failures.append(failure)
        else:
            standings[one.id].shares.append(share)
            standings[other.id].shares.append(1 - share)


def _circle(completions: Sequence[Completion], seed: int) -> list[tuple[Completion, Completion]]:
    """Each completion with its neighbour; two have one comparison, and one has none."""
    order = sorted(completions, key=lambda each: derived_seed(seed, "circle", each.id))
    return list(itertools.pairwise(order if len(order) < 3 else [*order, order[0]]))


def _share(decision: Decision) -> float | None:
    """P(the first is better); an even one where the judge says in both orders that neither is."""
    if decision.label_prob is not None:
        return decision.label_prob
    heard, unread = len(decision.principles), len(decision.unread)
    even = decision.reason in (NoPair.TIE, NoPair.UNDECIDED) and heard >= MIN_READ * (heard + unread)
    return EVEN if even and heard and decision.order_consistent else None


def _failure(decision: Decision, judgments: Sequence[Judgment]) -> CallReading:
    if not judgments:
        return CallReading(State.ABSTAIN, detail="no principle applies to this prompt")
    if decision.reason is NoPair.INCONSISTENT:
        return CallReading(State.UNREADABLE, detail=DISAGREE)
    failed: Counter[State] = Counter(
        each.state for each in judgments if each.value is None and each.state is not State.TIE
    )
    state = max(
        (each for each in State if failed[each]), key=lambda each: failed[each], default=State.UNREADABLE
    )
    detail = next(
        (each.detail for each in judgments if each.state is state and each.detail), str(decision.reason)
    )
    return CallReading(state, detail=detail)


def _without_violators(found: Mapping[str, CallReading], hard: Sequence[Judgment]) -> dict[str, CallReading]:
    """The readings, one less for each hard principle that is violated; none where one could not be read."""
    after = dict(found)
    for each in (each for each in hard if each.state is not State.ABSTAIN):
        name = each.completion_ids[0]
        violated = breaks(each)
        if violated is None:
            after[name] = CallReading(each.state, detail=each.detail)
        elif violated and (number := after[name].value) is not None:
            after[name] = after[name]._replace(value=number - 1)
    return after
