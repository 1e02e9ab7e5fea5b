"""What a run directory says of itself: where it stands, and its report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rlaif.errors import RlaifError, RunError
from rlaif.exchange.rows import read_rows
from rlaif.review.report import write_report
from rlaif.runs import claim as runs
from rlaif.runs.layout import ROUNDS, pair_files
from rlaif.workflows.report import reliability


def status(run: Path) -> dict[str, Any]:
    """Command, status, progress, and how many pairs and rounds are there."""
    found = runs.status(run)
    found["pairs"] = sum(1 for path in pair_files(run) for _ in read_rows(path))
    if (run / ROUNDS).is_file():
        rows = json.loads((run / ROUNDS).read_text(encoding="utf-8"))
        found["rounds"] = len(rows) - 1
        found["gold_mean"] = [row["gold_mean"] for row in rows]
    return found


def report(run: Path, out: Path | None = None) -> Path:
    """Write the HTML report; says where it is."""
    found = runs.read_run(run)
    try:
        return write_report(run, found, out, bins=reliability(run))
    except RlaifError as wrong:  # no work is lost by it, only the place is wrong
        raise RunError(str(wrong)) from None
