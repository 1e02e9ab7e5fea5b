"""Tables as plain text, and how one value of a table is written. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], *, words_last: bool = False) -> str:
    """Columns as wide as they need; the first flush left (with `words_last` the last too), the others right."""
    cells = [list(head), *([shown(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = []
    for row in cells:
        first, *others = (value.rjust(width) for value, width in zip(row, widths, strict=True))
        if words_last:
            others[-1] = others[-1].strip()
        lines.append("  ".join([first.strip().ljust(widths[0]), *others]).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def shown(value: Any) -> str:
    """Three decimals for a figure, `-` for none; of counts by name `cut off 2, tie 1`."""
    if isinstance(value, Mapping):
        value = ", ".join(f"{name} {shown(each)}" for name, each in value.items()) or None
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Leaves of a document with their paths; long lists are counted."""
    if isinstance(value, Mapping) and value:
        return [
            row for key, item in value.items() for row in flat(item, f"{name}.{key}" if name else str(key))
        ]
    if isinstance(value, list) and len(value) > 8:
        return [(name, f"{len(value)} entries")]
    return [(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))]
