"""Rows of our own files as text: keys are sorted, but for those of what models wrote or are shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rlaif.hashing import canonical_json

# as canonical_json, with keys as they come
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_CALLS, _TOOLS = "tool_calls", "tools"


def row_json(row: Mapping[str, Any]) -> str:
    """The row as `canonical_json` writes it; arguments of calls and schemas of tools keep the order of their keys.

    A model wrote the former in its order, and is shown the latter in theirs.
    """
    text = canonical_json(row)
    if f'"{_CALLS}"' not in text and f'"{_TOOLS}"' not in text:
        return text
    return _ENCODER.encode(
        {name: row[name] if name == _TOOLS else _sorted(row[name]) for name in sorted(row)}
    )


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _calls(value[name]) if name == _CALLS else _sorted(value[name]) for name in sorted(value)
        }
    return [_sorted(each) for each in value] if isinstance(value, list | tuple) else value


def _calls(value: Any) -> Any:
    """Calls with sorted keys down to their arguments."""
    if isinstance(value, Mapping):
        return {name: value[name] if name == "arguments" else _calls(value[name]) for name in sorted(value)}
    return [_calls(each) for each in value] if isinstance(value, list | tuple) else value
