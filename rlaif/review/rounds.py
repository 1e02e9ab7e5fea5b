"""The table of rounds as a person reads it: which columns, in which order, how each value is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif.review.tables import shown

COLUMNS = {
    "round": "round",
    "gold_mean": "gold",
    "gold_greedy": "gold T=0",
    "judge_mean": "judge",
    "judge_accuracy_on_policy": "judge acc.",
    "gap.mean": "draws' gold",
    "gap.judge_best": "judge's best",
    "gap.oracle_best": "oracle's best",
    "pairs": "pairs",
    "pair_precision": "precision",
    "kl": "KL",
    "length_mean": "words",
    "against.initial.win_rate": "beats first",
    "against.previous.win_rate": "beats last",
    "replay_share": "replay",
}


def cell(row: Mapping[str, Any], column: str) -> str:
    """One value of a row as text; `gap.mean` looks inside."""
    value: Any = row
    for part in column.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return shown(value)
