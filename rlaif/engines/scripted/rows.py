"""Reads the JSON Lines files that stand in for models; every complaint names file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rlaif.errors import ModelError


def read_rows(
    path: Path, required: Mapping[str, type], optional: Mapping[str, type]
) -> Iterator[dict[str, Any]]:
    """The rows of a file. Raises ModelError for what is no object or has a key or a value that it should not."""
    try:
        # not splitlines: a JSON string may hold other characters that end a line
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as problem:
        raise ModelError(f"{path}: cannot be read: {problem}") from problem
    known = {**required, **optional}
    found = False
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = True
        try:
            row = json.loads(line)
        except json.JSONDecodeError as problem:
            raise ModelError(f"{path}:{number}: not JSON: {problem}; one object a line") from problem
        if not isinstance(row, dict) or not required.keys() <= row.keys() <= known.keys():
            raise ModelError(
                f"{path}:{number}: must be an object with the keys {', '.join(required)} and none but these: "
                f"{', '.join(known)}"
            )
        for key, value in row.items():
            if not isinstance(value, known[key]):
                raise ModelError(f"{path}:{number}: {key!r} must be of type {known[key].__name__}")
        yield row
    if not found:
        raise ModelError(f"{path}: has no rows")
