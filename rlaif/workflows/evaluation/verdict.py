"""Whether a policy is better than another one, in a sentence: the answer that an evaluation is made for."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.workflows.evaluation.win_rate import WinRate

EVEN = 0.5
"""The win rate of equals."""


def verdicts(rates: Sequence[WinRate], policy: str, judge: str | None, constitution: str) -> list[str]:
    """A sentence for each model that the policy was compared with, with the interval over prompts."""
    by = f"by {judge} under {constitution.partition(' (')[0]}"
    return [_verdict(each, policy, by) for each in rates]


def _verdict(rate: WinRate, policy: str, by: str) -> str:
    if rate.win_rate is None:
        return f"{policy} against {rate.against}: unknown, since no comparison could be read ({by})"
    count = f"{rate.wins + rate.losses + rate.even:,} prompts against {rate.against}, {by}"
    if rate.low is None or rate.high is None:
        return f"unknown whether it is better: {policy} wins {rate.win_rate:.2f} of {count}"
    said = f"{policy} wins {rate.win_rate:.2f} [{rate.low:.2f}, {rate.high:.2f}] of {count}"
    if rate.low > EVEN:
        return f"better: {said}"
    if rate.high < EVEN:
        return f"worse: {said}"
    return f"no difference that so many prompts can show: {said}"
