"""Judgments as rows of a run's `judgments.jsonl`: what each call was read as, and which call it was."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import NoneType
from typing import Any

from rlaif.atomic import write_lines
from rlaif.boundary import told
from rlaif.errors import RunError
from rlaif.exchange.fields import number, shown
from rlaif.exchange.rows import read_rows
from rlaif.hashing import canonical_json
from rlaif.records import Judgment, State

_KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("protocol", "judge", "prompt_id", "state", "detail", "rubric"), (str,)),
    "principle_id": (str, NoneType),
    **dict.fromkeys(("value", "label_mass"), (int, float, NoneType)),
    **dict.fromkeys(("completion_ids", "calls", "votes", "steps", "criteria"), (list,)),
}
_ITEMS: Mapping[str, type] = {
    "completion_ids": str,
    "calls": str,
    **dict.fromkeys(("votes", "steps", "criteria"), Mapping),
}
_WHERE_SET = ("steps", "criteria", "rubric")


def write_judgments(path: Path, judgments: Iterable[Judgment]) -> int:
    """Write all of them, whole or not at all; numbers in full, so that reading gives back what was written."""
    return write_lines(path, (canonical_json(judgment_row(each)) for each in judgments))


def judgment_row(judgment: Judgment) -> dict[str, Any]:
    """A judgment as a row. Steps and criteria are there only where it has some: other rows stay what they were."""
    row = asdict(judgment)
    return {name: value for name, value in row.items() if value or name not in _WHERE_SET}


def judged_by(path: Path, protocol: str, states: Collection[State] = frozenset(State)) -> bool:
    """Whether a file of judgments, if there is one, holds one of this protocol in one of these states."""
    return path.is_file() and any(
        each.protocol == protocol and each.state in states for each in read_judgments(path)
    )


def read_judgments(path: Path) -> list[Judgment]:
    """What `write_judgments` wrote."""
    return [row_judgment(row, where) for where, row in read_rows(path)]


def row_judgment(row: Any, where: str) -> Judgment:
    """The judgment of a row. Raises RunError for what is none of ours, at any depth."""
    try:
        _check(row)
        lists = {"completion_ids": tuple(row["completion_ids"]), "calls": tuple(row["calls"])}
        lists |= {name: tuple(row.get(name, ())) for name in ("votes", "steps", "criteria")}
        return Judgment(**(row | lists | {"state": State(row["state"])}))
    except (AttributeError, KeyError, TypeError, ValueError) as wrong:
        raise RunError(f"{where}: is no judgment of ours ({told(wrong)}); judge again") from None


def _check(row: Mapping[str, Any]) -> None:
    """Raises TypeError for a value that is not of its field's kind."""
    for name, kinds in _KINDS.items():
        value = row.get(name)
        if name not in row:
            continue
        wrong = not isinstance(value, kinds) or isinstance(value, bool)
        wrong |= isinstance(value, list) and not all(isinstance(each, _ITEMS[name]) for each in value)
        wrong |= isinstance(value, int | float) and number(value) is None
        if wrong:
            raise TypeError(f"its {name} is {shown(value)}")
