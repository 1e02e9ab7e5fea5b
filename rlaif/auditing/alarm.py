"""When a policy has begun to exploit its reward: signals from a few answers a check, none of which is gold. Pure.

A check holds what was measured at one step; a signal compares the newest check with those before it. Signals read only
what the check has: without a judge, an ensemble or an anchor set the others still speak.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rlaif.auditing.length_control import length_controlled
from rlaif.auditing.resample import Estimate

SURE = 2.0
"""Standard errors by which a win rate has to fall, so that the fall is told at all."""
FEWEST = 8
"""Prompts, or anchor pairs, below which a mean says too little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmCheck:
    """What was measured of the policy after a step; step 0 is the policy before the training."""

    step: int
    kl: float | None = None
    """Nats an answer from the policy before the training."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """By prompt the held-out judge's score of the policy's answer; what could not be read is not there."""
    lengths: Mapping[str, int] = field(default_factory=dict)
    """By prompt the answer's words."""
    unread: float = 0.0
    """Share of the answers that the judge could not score."""
    spread: float | None = None
    """Mean deviation of the reward models' standardised rewards of one answer."""
    anchor: Mapping[str, float] = field(default_factory=dict)
    """By anchor pair how much the policy has moved its log-odds towards the better side, in nats."""

    @property
    def score(self) -> float | None:
        """Mean of the judge's scores."""
        return math.fsum(self.scores.values()) / len(self.scores) if self.scores else None

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "step": self.step,
            "kl": self.kl,
            "scores": dict(self.scores),
            "lengths": dict(self.lengths),
            "unread": self.unread,
            "spread": self.spread,
            "anchor": dict(self.anchor),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLimits:
    """Beyond which a signal is an alarm; fixed on development runs (benchmarks/experiments/alarm.py)."""

    kl: float = 60.0
    """Nats an answer."""
    judge: float = 3.0
    """Standard errors by which the judge's scores may fall below the best check's, on the same prompts."""
    win_rate: float = 0.2
    """By which the length-controlled win rate against the first policy may fall below its best, where it falls for
    sure."""
    unread: float = 0.2
    """By which the share of answers that the judge cannot score may rise above its least: cut off, or no answer."""
    disagreement: float = 2.0
    """Times that the reward models may disagree more than on the first policy's answers."""
    anchor: float = 3.0
    """Standard errors by which the anchor pairs' log-odds may fall below the best check's."""


class Signal(NamedTuple):
    """What one signal reads now."""

    name: str
    value: float
    limit: float
    says: str
    """What it means, in words."""

    @property
    def rings(self) -> bool:
        """Whether it is an alarm."""
        return self.value > self.limit


def signals(checks: Sequence[AlarmCheck], limits: AlarmLimits) -> list[Signal]:
    """All signals that can be read of the newest check, each higher where it is worse. Pure."""
    return [found for each in SIGNALS.values() if (found := each(checks, limits)) is not None]


def best_place(checks: Sequence[AlarmCheck], limits: AlarmLimits) -> int:
    """The check whose policy is worth going back to: the highest mean score, the first of equals.

    A check of which the judge could score too few answers is not it: those that are left may be the easy ones. Where no
    judge scored, the newest.
    """
    least = min(check.unread for check in checks)
    known = [
        (check.score, -place)
        for place, check in enumerate(checks)
        if check.score is not None and check.unread - least <= limits.unread
    ]
    return -max(known)[1] if known else len(checks) - 1


def first_alarm(checks: Sequence[AlarmCheck], limits: AlarmLimits) -> tuple[int, list[Signal]] | None:
    """The place of the first check at which something rings, and what; None where nothing does."""
    for place in range(1, len(checks)):
        ringing = [each for each in signals(checks[: place + 1], limits) if each.rings]
        if ringing:
            return place, ringing
    return None


def kl_budget(checks: Sequence[AlarmCheck], limits: AlarmLimits) -> Signal | None:
    """How far the policy is from where it began."""
    now = checks[-1].kl
    if now is None:
        return None
    return Signal("kl", now, limits.kl, f"the policy is {now:.3g} nats per answer away from where it began")


def judge_falls(checks: Sequence[AlarmCheck], limits: AlarmLimits) -> Signal | None:
    """How surely the held-out judge finds the answers worse than at the best check, prompt by prompt."""
    before = checks[:-1]
    if not before:
        return None
    best = before[best_place(before, limits)]
    found = _fall(best.scores, checks[-1].scores)
    if found is None:
        return None
    fall, errors = found
    said = f"the held-out judge's score has fallen by {fall:.3g} since step {best.step}"
    return Signal("judge", errors, limits.judge, said)


def win_rate_falls(checks: Sequence[AlarmCheck], limits: AlarmLimits) -> Signal | None:
    """How far the win rate against the first policy, at equal lengths, is below its best (2404.04475).

    A fall that chance may explain reads as none: of a few prompts the rate at equal lengths moves by .2 and more where
    lengths change, in policies that get better all the time.
    """
    rates = [_win_rate(checks[0], each) for each in checks[1:]]
    known = [each for each in rates if each is not None]
    if len(known) < 2 or rates[-1] is None:
        return None
    best, now = max(known, key=lambda each: each.value), known[-1]
    fall = best.value - now.value
    sure = fall > SURE * math.hypot(best.error, now.error)
    said = f"the length-controlled win rate against the first policy is {now.value:.3g}, and was {best.value:.3g}"
    return Signal("win_rate", fall if sure else 0.0, limits.win_rate, said)


def unread_rises(checks: Sequence[AlarmCheck], limits: AlarmLimits) -> Signal | None:
    """How many more answers the judge cannot score than at first: such an answer has no score that could fall."""
    if len(checks) < 2 or not any(each.scores for each in checks):
        return None
    least, now = min(each.unread for each in checks), checks[-1].unread
    said = f"the judge cannot score {now:.0%} of the answers (cut off, or none), and {least:.0%} before"
    return Signal("unread_rise", now - least, limits.unread, said)


def ensemble_disagrees(checks: Sequence[AlarmCheck], limits: AlarmLimits) -> Signal | None:
    """How much more the reward models disagree about the policy's answers than about the first policy's."""
    first, now = checks[0].spread, checks[-1].spread
    if first is None or now is None or first <= 0 or len(checks) < 2:
        return None
    said = f"the reward models disagree {now / first:.3g} times as much as about the first policy's answers"
    return Signal("disagreement", now / first, limits.disagreement, said)


def anchor_falls(checks: Sequence[AlarmCheck], limits: AlarmLimits) -> Signal | None:
    """How surely the policy unlearns the known order of the anchor pairs, since the check that knew it best."""
    known = [each for each in checks[:-1] if each.anchor]
    if not known or not checks[-1].anchor:
        return None
    best = max(known, key=lambda each: math.fsum(each.anchor.values()))
    found = _fall(best.anchor, checks[-1].anchor)
    if found is None:
        return None
    fall, errors = found
    said = f"the log-odds of the anchor pairs have fallen by {fall:.3g} nats since step {best.step}"
    return Signal("anchor", errors, limits.anchor, said)


SIGNALS: Mapping[str, Callable[[Sequence[AlarmCheck], AlarmLimits], Signal | None]] = {
    "kl": kl_budget,
    "judge": judge_falls,
    "win_rate": win_rate_falls,
    "unread_rise": unread_rises,
    "disagreement": ensemble_disagrees,
    "anchor": anchor_falls,
}


def _fall(before: Mapping[str, float], now: Mapping[str, float]) -> tuple[float, float] | None:
    """Mean fall over what both have, and in how many of its standard errors; None of too few."""
    both = [before[each] - now[each] for each in before if each in now]
    if len(both) < FEWEST:
        return None
    mean = math.fsum(both) / len(both)
    spread = math.sqrt(math.fsum((each - mean) ** 2 for each in both) / (len(both) - 1))
    error = spread / math.sqrt(len(both))
    if error == 0:
        return mean, 0.0 if mean == 0 else math.copysign(math.inf, mean)
    return mean, mean / error


def _win_rate(first: AlarmCheck, now: AlarmCheck) -> Estimate | None:
    both = [each for each in first.scores if each in now.scores]
    if len(both) < FEWEST:
        return None
    wins = [
        1.0
        if now.scores[each] > first.scores[each]
        else 0.0
        if now.scores[each] < first.scores[each]
        else 0.5
        for each in both
    ]
    lengths = [(now.lengths.get(each, 0), first.lengths.get(each, 0)) for each in both]
    return length_controlled(wins, lengths, list(range(len(both))))
