"""Judgments as rows of a run's `judgments.jsonl`: what each call was read as, and which call it was."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlaif.atomic import write_lines
from rlaif.errors import RunError
from rlaif.exchange.rows import read_rows
from rlaif.hashing import canonical_json
from rlaif.records import Judgment, State


def write_judgments(path: Path, judgments: Iterable[Judgment]) -> int:
    """Write all of them, whole or not at all; numbers in full, so that reading gives back what was written."""
    return write_lines(path, (canonical_json(asdict(each)) for each in judgments))


def judged_by(path: Path, protocol: str, states: Collection[State] = frozenset(State)) -> bool:
    """Whether a file of judgments, if there is one, holds one of this protocol in one of these states."""
    return path.is_file() and any(
        each.protocol == protocol and each.state in states for each in read_judgments(path)
    )


def read_judgments(path: Path) -> list[Judgment]:
    """What `write_judgments` wrote."""
    return [_judgment(row, where) for where, row in read_rows(path)]


def _judgment(row: Any, where: str) -> Judgment:
    try:
        lists = {"completion_ids": tuple(row["completion_ids"]), "calls": tuple(row["calls"])}
        lists["votes"] = tuple(row.get("votes", ()))
        return Judgment(**(row | lists | {"state": State(row["state"])}))
    except (KeyError, TypeError, ValueError) as wrong:
        raise RunError(f"{where}: is no judgment of ours ({wrong}); judge again") from None
