"""Whether a policy is better than another one, in a sentence: the answer that an evaluation is made for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlaif.workflows.evaluation.run import Evaluation

EVEN = 0.5
"""The win rate of equals."""


def verdicts(found: Evaluation) -> list[str]:
    """A sentence for each model that the policy was compared with, with the interval over prompts."""
    return [_verdict(found, place) for place in range(len(found.win_rates))]


def _verdict(found: Evaluation, place: int) -> str:
    rate = found.win_rates[place]
    by = f"by {found.judge} under {found.constitution.partition(' (')[0]}"
    if rate.win_rate is None:
        return f"{found.policy} against {rate.against}: unknown, since no comparison could be read ({by})"
    count = f"{rate.wins + rate.losses + rate.even:,} prompts against {rate.against}, {by}"
    if rate.low is None or rate.high is None:
        return f"unknown whether it is better: {found.policy} wins {rate.win_rate:.2f} of {count}"
    said = f"{found.policy} wins {rate.win_rate:.2f} [{rate.low:.2f}, {rate.high:.2f}] of {count}"
    if rate.low > EVEN:
        return f"better: {said}"
    if rate.high < EVEN:
        return f"worse: {said}"
    return f"no difference that so many prompts can show: {said}"
