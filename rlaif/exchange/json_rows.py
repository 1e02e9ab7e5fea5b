"""One JSON value as rows: a list, a list under a key, a list for each column, tables as pandas writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rlaif.errors import PromptFileError

_OF_A_ROW = (
    "prompt",
    "messages",
    "conversations",
    "instruction",
    "question",
    "chosen",
    "rejected",
    "completion",
)
Placed = tuple[str, Any]
"""Where a row stands in its file, and the row."""


def json_rows(whole: Any, path: str, key: str = "") -> Iterator[Placed]:
    """The rows of a value; `key` names one of several lists. Raises PromptFileError for what holds no rows."""
    if isinstance(whole, list):
        if key:
            raise PromptFileError(f"{path}: is one list; leave `#{key}` out")
        return ((f"row {number}", row) for number, row in enumerate(whole, 1))
    if isinstance(whole, Mapping):
        found = _table(whole, path) or _listed(whole, path, key)
        if found is not None:
            return iter(found)
    raise PromptFileError(
        f"{path}: must be a list of rows; one object a line is .jsonl (also a list under a key, or a list a column)"
    )


def _listed(whole: Mapping[str, Any], path: str, key: str) -> list[Placed] | None:
    """Rows under a key, such as `data` or a split's name."""
    if any(name in whole for name in _OF_A_ROW):
        return None
    lists = {name: each for name, each in whole.items() if _is_rows(each)}
    if not lists:
        return None
    name = key or next(iter(lists))
    if name not in lists or (not key and len(lists) > 1):
        raise PromptFileError(
            f"{path}: holds the lists {', '.join(lists)}; name one as {path}#{next(iter(lists))}"
        )
    # a data set's server gives each row in an envelope
    rows = [row["row"] if row.keys() >= {"row_idx", "row"} else row for row in lists[name]]
    return [(f"{name}[{number}]", row) for number, row in enumerate(rows)]


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _table(whole: Mapping[str, Any], path: str) -> list[Placed] | None:
    """Rows of a table: lists by column, or what pandas writes (`to_json` in its orientations)."""
    names, cells = whole.get("columns"), whole.get("data")
    if isinstance(names, list) and isinstance(cells, list) and all(isinstance(each, list) for each in cells):
        rows: list[Any] = [dict(zip(names, each, strict=False)) for each in cells]
    elif whole and all(isinstance(each, list) for each in whole.values()) and not _has_turns(whole):
        lists, even = list(map(_is_rows, whole.values())), len({len(each) for each in whole.values()}) == 1
        if all(lists) or (any(lists) and not even):
            return None  # splits, or one list of rows
        if not even:
            lengths = ", ".join(f"{name} {len(each)}" for name, each in whole.items())
            raise PromptFileError(f"{path}: its columns are of different lengths ({lengths}); write it again")
        rows = [dict(zip(whole, each, strict=True)) for each in zip(*whole.values(), strict=True)]
    elif whole and all(isinstance(each, Mapping) for each in whole.values()):
        rows = _by_index(whole)
    else:
        return None
    return [(f"row {number}", row) for number, row in enumerate(rows, 1)]


def _by_index(whole: Mapping[str, Any]) -> list[Any]:
    if all(name.isdecimal() for name in whole):
        return list(whole.values())
    keys = dict.fromkeys(key for each in whole.values() for key in each)
    if not all(key.isdecimal() for key in keys):
        return []
    return [{name: each.get(key) for name, each in whole.items()} for key in keys]


def _has_turns(whole: Mapping[str, Any]) -> bool:
    # one row whose cells are conversations is no table of columns
    return any(
        isinstance(turn, Mapping) and ("role" in turn or "from" in turn)
        for each in whole.values()
        for turn in each
    )
