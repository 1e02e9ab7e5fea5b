"""Reads the JSON Lines files that stand in for models; every complaint names file and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rlaif.errors import ModelError
from rlaif.plain_files import decoded, parse_json, read_whole

MAX_FILE = 1_000_000_000
"""Bytes of such a file."""


def read_rows(
    path: Path, required: Mapping[str, type], optional: Mapping[str, type]
) -> Iterator[dict[str, Any]]:
    """The rows of a file. Raises ModelError for what is no object or has a key or a value that it should not."""
    # not splitlines: a JSON string may hold other characters that end a line
    lines = decoded(read_whole(path, ModelError, MAX_FILE), str(path), ModelError).split("\n")
    known = {**required, **optional}
    found = False
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = True
        row = parse_json(line, f"{path}:{number}", ModelError, "one object a line")
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
