"""Each principle in pictures: before and after, of rounds and of evaluations; of pairs, by the judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.review.gathered import Gathered
from rlaif.review.panels import ChangePanel, IntervalPanel, IntervalRow
from rlaif.review.round_charts import principle_changes
from rlaif.review.view.overview import evaluation_changes

_MET = "share of answers that meet it"


def of_rounds(rows: Sequence[Mapping[str, Any]]) -> list[ChangePanel]:
    """Gold before the first round and after the last."""
    changed = principle_changes(rows)
    title = "principles on held-out prompts, by gold"
    return [ChangePanel(title=title, x=_MET, rows=changed, names=("before", "after"))] if changed else []


def of_evaluation(summary: Mapping[str, Any]) -> list[ChangePanel]:
    """Gold of each other model and of the policy."""
    return [
        ChangePanel(title=f"principles by gold, against {name}", x=_MET, rows=rows, names=(name, "policy"))
        for name, rows in evaluation_changes(summary)
    ]


def of_pairs(pairs: Gathered) -> list[IntervalPanel]:
    """How much better the chosen sides follow each principle, by the judge."""
    rows = [IntervalRow(name, mean, None, None) for name, mean in pairs.means.items()]
    if not rows:
        return []
    x = "mean P(chosen side follows it better)"
    title = "principles of the chosen sides, by the judge"
    return [IntervalPanel(title=title, x=x, rows=rows, reference=0.5, says="both sides alike")]
