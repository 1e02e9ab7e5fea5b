"""What a lab wrote into its directory, as the pictures of it read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlaif.errors import InputError, RunError
from rlaif.plain_files import read_json


def read_written(run: Path, name: str, command: str) -> Mapping[str, Any]:
    """The file that a command wrote. Raises InputError where it wrote none, RunError for a broken one."""
    path = run / name
    if not path.is_file():
        raise InputError(f"{run}: has no {name}; make it by `{command} --out {run}`")
    found: Mapping[str, Any] = read_json(path, RunError, f"remove it, and run `{command}` again")
    return found
