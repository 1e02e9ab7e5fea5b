"""Position bias in pictures: verdicts for what is shown first, and what the two orders of a comparison agree in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlaif.review.panels import IntervalPanel, IntervalRow

if TYPE_CHECKING:
    from rlaif.auditing.audit import Audit
    from rlaif.auditing.resample import Estimate

_FIRST = "share of verdicts"
_ORDERS = "share of comparisons"
FIGURES = ("first_slot", "order_disagreement")


def audit_position(audited: Audit) -> list[IntervalPanel]:
    """Of an audit: the whole judge, then each principle's orders; empty where nothing was judged in both orders."""
    figures = audited.figures
    if "first_slot" not in figures:
        return []
    rows = [_row("all principles", figures["order_disagreement"])] if "order_disagreement" in figures else []
    rows += [
        _row(each.principle, each.order_disagreement)
        for each in audited.principles
        if each.order_disagreement is not None
    ]
    return _panels(
        _row("shown first", figures["first_slot"]), rows, "comparisons whose two orders disagree", 0.0
    )


def check_position(told: Mapping[str, Any]) -> list[IntervalPanel]:
    """Of a judge check: the whole judge, then each category; empty where nothing was judged in both orders."""
    first, consistent = told["figures"].get("first_slot"), told["figures"].get("consistent")
    if not first:
        return []
    rows = (
        [IntervalRow("all", consistent["value"], consistent["low"], consistent["high"])] if consistent else []
    )
    rows += [
        IntervalRow(name, row["consistent"], None, None)
        for name, row in told["categories"].items()
        if row.get("consistent") is not None
    ]
    shown = IntervalRow("shown first", first["value"], first["low"], first["high"])
    return _panels(shown, rows, "comparisons whose two orders agree", 1.0)


def _panels(first: IntervalRow, rows: list[IntervalRow], title: str, best: float) -> list[IntervalPanel]:
    found = [
        IntervalPanel(
            title="verdicts for the answer shown first",
            x=_FIRST,
            rows=[first],
            reference=0.5,
            says="no position bias",
        )
    ]
    if rows:
        best_says = "every order agrees"
        found.append(IntervalPanel(title=title, x=_ORDERS, rows=rows, reference=best, says=best_says))
    return found


def _row(name: str, each: Estimate) -> IntervalRow:
    return IntervalRow(name, each.value, each.low, each.high)
