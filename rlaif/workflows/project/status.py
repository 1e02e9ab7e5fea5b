"""`rlaif status`: where a run stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rlaif.exchange.rows import read_rows
from rlaif.runs import claim as runs
from rlaif.runs.layout import ROUNDS, pair_files


def status(run: Path) -> dict[str, Any]:
    """Command, status and progress of a run, with its numbers of pairs and rounds. Raises RunError."""
    found = runs.status(run)
    found["pairs"] = sum(1 for path in pair_files(run) for _ in read_rows(path))
    if (run / ROUNDS).is_file():
        rows = json.loads((run / ROUNDS).read_text(encoding="utf-8"))
        found["rounds"] = len(rows) - 1
        found["gold_mean"] = [row["gold_mean"] for row in rows]
    return found
