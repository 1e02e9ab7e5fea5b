"""Rules that turn the p of each principle into one log-odds. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from rlaif.constitution import applies
from rlaif.judging.protocols import scale_of
from rlaif.judging.scales import at_temperature
from rlaif.records import Constitution, Judgment, Principle, Prompt, State

CLIP = 0.02
TIE_BAND = 0.02
"""A label this near to one half says nothing."""
DECIDED = 0.1
"""How far from one half a principle must be to end a lexicographic search."""
AS_A_WHOLE = Principle(id="whole", text="The response is better as a whole.")
"""Stands for what a judge says without naming a principle: a reward model's single number."""


class PrincipleVote(NamedTuple):
    """What one principle says: its weight, its p, and the group in which a lexicographic decision hears it."""

    weight: float
    p: float
    group: str | None = None


Votes = Sequence[PrincipleVote]
"""One of each principle, in the constitution's order."""


def vote_of(principle: Principle, p: float) -> PrincipleVote:
    """What a principle says, as the rules hear it."""
    return PrincipleVote(principle.weight, p, principle.group)


def asked(constitution: Constitution, prompt: Prompt, judgments: Sequence[Judgment]) -> list[Principle]:
    """Return the principles by which judgments of `prompt` are read: those that apply to it.

    A judgment without a principle is of the completion as a whole (a reward). Then only that counts, and the principles
    that other judgments name: hard ones, about which such a judge is asked separately.
    """
    applied = [each for each in constitution.principles if applies(each, prompt)]
    if all(each.principle_id is not None for each in judgments):
        return applied
    named = {each.principle_id for each in judgments}
    return [AS_A_WHOLE, *(each for each in applied if each.id in named)]


def principle_of(judgment: Judgment) -> str:
    """The id of the principle that a judgment is about."""
    return AS_A_WHOLE.id if judgment.principle_id is None else judgment.principle_id


def share_of(judgment: Judgment) -> float | None:
    """What a judgment of one completion says, from 0 to 1, a rating from 1 to 5 included; None without a number.

    Of a reward it is the chance to beat a completion of reward 0, in which great rewards do not differ: what ranks
    completions takes `number_of`.
    """
    if judgment.state is not State.SCORE or judgment.value is None:
        return None
    return scale_of(judgment.protocol).share(judgment.value)


def number_of(judgment: Judgment) -> float | None:
    """What a judgment of one completion says, in the judge's units: the reward itself, else the share of the scale."""
    return judgment.value if _rewards(judgment) else share_of(judgment)


def breaks(judgment: Judgment | None) -> bool | None:
    """Whether a completion violates the principle of a pointwise judgment, by its protocol's scale. The only reading.

    None where nothing was said, or what was said is of no principle, or on a scale that knows no violation: a reward.
    """
    if judgment is None or judgment.principle_id is None:
        return None
    share = share_of(judgment)
    broken_below = scale_of(judgment.protocol).broken_below
    return None if share is None or broken_below is None else share < broken_below


def better_of(one: Judgment, other: Judgment) -> float | None:
    """Return P(first is better) from two pointwise judgments; None where one of them has no number."""
    if _rewards(one) and _rewards(other):
        # a reward is a log-odds up to a constant
        assert one.value is not None
        assert other.value is not None
        return at_temperature(one.value - other.value, 1.0)
    mine, its = share_of(one), share_of(other)
    if mine is None or its is None:
        return None
    for_first, for_second = mine * (1 - its), its * (1 - mine)
    return for_first / (for_first + for_second) if for_first + for_second > 0 else 0.5


def _rewards(judgment: Judgment) -> bool:
    return judgment.state is State.SCORE and not scale_of(judgment.protocol).bounded


def side(p: float) -> int:
    """1 where p speaks for the first, -1 for the second, 0 near one half."""
    return 0 if abs(p - 0.5) <= TIE_BAND else (1 if p > 0.5 else -1)


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def _clip(p: float) -> float:
    return min(max(p, CLIP), 1 - CLIP)


def _log_odds(votes: Votes) -> float:
    return math.fsum(each.weight * _logit(_clip(each.p)) for each in votes)


def _majority(votes: Votes) -> float:
    total = math.fsum(each.weight for each in votes)
    won = math.fsum(each.weight * (side(each.p) + 1) / 2 for each in votes)
    return _logit(_clip(won / total)) if total > 0 else 0.0


def _min(votes: Votes) -> float:
    """Each side is as good as the principle it serves worst."""
    served = [_clip(each.p) for each in votes if each.weight > 0]
    if not served:
        return 0.0
    return math.log(min(served) / min(1 - p for p in served))


def _lexicographic(votes: Votes) -> float:
    """The first principle or group of them, in the order of the file, that is clear about it."""
    for part in _parts(votes):
        alone = part[0].group is None
        odds = _logit(_clip(part[0].p)) if alone else _log_odds(part)
        if abs((part[0].p if alone else at_temperature(odds, 1.0)) - 0.5) >= DECIDED:
            return odds
    return 0.0


def _parts(votes: Votes) -> Iterator[Votes]:
    """A principle without a group, or all of one group where its first one stands; those of weight 0 say nothing."""
    told: set[str] = set()
    heard = [each for each in votes if each.weight > 0]
    for each in heard:
        if each.group is None:
            yield [each]
        elif each.group not in told:
            told.add(each.group)
            yield [one for one in heard if one.group == each.group]


RULES: Mapping[str, Callable[[Votes], float]] = {
    "log-odds": _log_odds,
    "majority": _majority,
    "min": _min,
    "lexicographic": _lexicographic,
}
