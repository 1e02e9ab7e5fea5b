"""`rlaif status`: where a run stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rlaif.exchange.rows import read_rows
from rlaif.runs import claim as runs
from rlaif.runs.described import is_model
from rlaif.runs.layout import ROUNDS, TRAIN_RECORD, is_run, pair_files
from rlaif.runs.record_files import ROUNDS_SCHEMA, TRAIN_SCHEMA, read_record, read_record_if_there


def status(run: Path) -> dict[str, Any]:
    """Command, status and progress of a run, with its numbers of pairs and rounds; of a model, how it was trained.

    Raises RunError.
    """
    if not is_run(run) and is_model(run):
        return _trained(run)
    found = runs.status(run)
    found["pairs"] = sum(1 for path in pair_files(run) for _ in read_rows(path))
    if (rows := read_record_if_there(run / ROUNDS, ROUNDS_SCHEMA)) is not None:
        found["rounds"] = len(rows) - 1
        found["gold_mean"] = [row["gold_mean"] for row in rows]
    return found


def _trained(folder: Path) -> dict[str, Any]:
    record = read_record(folder / TRAIN_RECORD, TRAIN_SCHEMA)
    names = ("method", "base", "steps", "learning_rate", "best_step", "seconds")
    shown = {name: record[name] for name in names if record.get(name)}
    card = {f"of {name}": value for name, value in (record.get("card") or {}).items()}
    counts = (record.get("counts") or {}).get("pairs") or {}
    trained = {f"pairs {name}": value for name, value in counts.items() if value}
    return {
        "model": str(folder),
        "command": "train",
        "status": "done",
        **shown,
        **trained,
        **card,
        **(record.get("figures") or {}),
        "notes": record.get("notes") or [],
    }
