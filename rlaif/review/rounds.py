"""The tables of rounds: which columns, in which order, how each value is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.review.tables import shown

REACHED = {
    "round": "round",
    "gold_mean": "gold",
    "gold_greedy": "gold T=0",
    "judge_mean": "judge",
    "judge_accuracy_on_policy": "accuracy",
    "kl": "KL",
    "length_mean": "words",
    "against.initial.win_rate": "beats first",
    "against.previous.win_rate": "beats last",
}
"""What the policy is worth after a round, on held-out prompts."""
MADE_OF = {
    "round": "round",
    "gap.mean": "draws' gold",
    "gap.judge_best": "judge's best",
    "gap.oracle_best": "oracle's best",
    "pairs": "pairs",
    "pair_precision": "precision",
    "replay_share": "replay",
}
"""What a round was trained on; round 0 on nothing."""


FURTHER = "further_columns"
"""In the summary of a run: the columns of its rounds that steps of other packages fill."""


def tables(
    rows: Sequence[Mapping[str, Any]], further: Sequence[str] = ()
) -> list[tuple[str, list[str], list[list[str]]]]:
    """Title, head and rows of the tables, each narrow enough for a terminal of 80 columns.

    `further` are columns that steps of other packages fill; they stand in a table of their own.
    """
    made = [row for row in rows if row["round"]]
    shown_tables = [
        ("after each round, on held-out prompts", REACHED, rows),
        ("what each round was trained on", MADE_OF, made),
    ]
    if further:
        shown_tables.append(("further figures", {"round": "round", **{each: each for each in further}}, made))
    return [
        (title, list(columns.values()), [[cell(row, column) for column in columns] for row in shown_rows])
        for title, columns, shown_rows in shown_tables
        if shown_rows
    ]


def cell(row: Mapping[str, Any], column: str) -> str:
    """One value of a row as text; a dot leads into nested values: `gap.mean`."""
    value: Any = row
    for part in column.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return shown(value)
