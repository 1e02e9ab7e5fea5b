"""How a run's judge applied each principle, as tables for people: order consistency, and the principle's own tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.review.tables import shown

HEAD = ("principle", "compared", "pointwise differ", "order consistency", "unreadable", "own tests")
FIGURES = ("compared", "told_apart", "order_consistency")


def applied(
    principles: Mapping[str, Mapping[str, Any]], tests: Mapping[str, Mapping[str, int]]
) -> list[list[str]]:
    """One row a principle under `HEAD`, from the summary of a `generate` or `judge`."""
    rows = []
    for name in dict.fromkeys([*principles, *tests]):
        own, figures = tests.get(name), principles.get(name, {})
        passed = f"{own['passed']} of {own['tests']}" if own else "-"
        known = [shown(figures.get(each)) for each in FIGURES]
        rows.append([name, *known, _unreadable(figures), passed])
    return rows


def _unreadable(figures: Mapping[str, Any]) -> str:
    """How many of a principle's comparisons could not be read, with their share; `-` where none was made."""
    unread = figures.get("unread")
    whole = figures.get("judged") or (figures.get("compared") or 0) + (unread or 0)
    return shown(unread) if not unread else f"{unread} of {whole} ({unread / whole:.0%})"


def by_round(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the order consistency by principle and round, from `rounds.json`; ([], []) of none."""
    made = [row for row in rows if row.get("order_consistency")]
    names = dict.fromkeys(name for row in made for name in row["order_consistency"])
    head = ["order consistency", *(f"round {row['round']}" for row in made)] if made else []
    return head, [[name, *(shown(row["order_consistency"].get(name)) for row in made)] for name in names]
