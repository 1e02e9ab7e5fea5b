"""What servers send, row by row, as their makers document or users report it: one row more is one case more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of a table."""
    found: list[dict[str, Any]] = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    return found


def named(row: dict[str, Any]) -> str:
    """The name of a row in a report."""
    return str(row.get("server", row))
