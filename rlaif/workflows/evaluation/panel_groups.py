"""Whose preferences a win rate is: what each group of a panel's judges would have said alone, and where they part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from rlaif.auditing.intervals import Resampling
from rlaif.judging import decide
from rlaif.records import EVEN, Constitution, Judgment, Prompt, State

Scores = Mapping[str, float]
"""By prompt id: 1 where ours is better, 0 where theirs is, one half where neither is."""


def group_judgments(judgments: Sequence[Judgment]) -> dict[str, list[Judgment]]:
    """By group, the comparisons of a panel as that group alone judged them: the mean of its votes, by their weights.

    A group none of whose judges could be read has nothing to say of that comparison.
    """
    found: dict[str, list[Judgment]] = {}
    for each in judgments:
        votes: dict[str, list[tuple[float, float]]] = {}
        for vote in each.votes:
            if vote.get("p") is not None:
                votes.setdefault(str(vote["group"]), []).append((float(vote["weight"]), float(vote["p"])))
        for group, own in votes.items():
            whole = sum(weight for weight, _ in own)
            if whole > 0:
                value = sum(weight * p for weight, p in own) / whole
                found.setdefault(group, []).append(
                    replace(each, state=State.PREFERENCE, value=value, votes=())
                )
    return found


def group_scores(
    constitution: Constitution,
    prompt: Prompt,
    judgments: Sequence[Judgment],
    first: str,
    checklist: Sequence[Judgment],
) -> dict[str, float]:
    """By group, how the first completion of a prompt fares by the rule that makes pairs; groups that decide nothing
    are not there."""
    found = {}
    for group, own in group_judgments(judgments).items():
        label = decide(constitution, prompt, own, first=first, checklist=checklist).label_prob
        if label is not None:
            found[group] = 1.0 if label > EVEN else 0.0 if label < EVEN else EVEN
    return found


def group_rates(by_prompt: Mapping[str, Mapping[str, float]], resampling: Resampling) -> dict[str, Any]:
    """The win rate by each group, and on which share of the prompts two of them prefer different sides.

    Args:
        by_prompt: The scores of each group, by prompt id.
        resampling: Of the intervals over prompts.
    """
    groups = sorted({group for own in by_prompt.values() for group in own})
    rates = {}
    for group in groups:
        values = [own[group] for own in by_prompt.values() if group in own]
        interval = resampling.interval(values)
        if interval is not None:
            rates[group] = {**_told(interval), "prompts": len(values)}
    apart = {}
    for one, other in combinations(groups, 2):
        values = [
            float((own[one] - EVEN) * (own[other] - EVEN) < 0)
            for own in by_prompt.values()
            if one in own and other in own
        ]
        interval = resampling.interval(values)
        if interval is not None:
            apart[f"{one} / {other}"] = {**_told(interval), "prompts": len(values)}
    return {"groups": rates, "apart": apart} if len(rates) > 1 else {}


def _told(interval: Any) -> dict[str, float]:
    return {"value": interval.value, "low": interval.low, "high": interval.high}
