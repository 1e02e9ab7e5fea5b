"""The tools that a row offers: JSON Schemas of functions, as a list or as JSON text, under `tools` or `functions`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rlaif.errors import UnkeptError
from rlaif.exchange.cells import json_form
from rlaif.exchange.columns import TOOLS, is_empty, peek
from rlaif.records import Tools, wrapped_tool

_SCHEMA = '`{"type": "function", "function": {"name": ..., "parameters": {...}}}`'


def tools_of(row: Mapping[str, Any], where: str) -> Tools:
    """The tools of a row, empty where it offers none. Raises UnkeptError for what is no list of schemas."""
    filled = [name for name in TOOLS if peek(row, name) is not None]
    if len(filled) > 1:
        raise UnkeptError(where, "both `tools` and `functions` are filled", "keep one of the two")
    return read_tools(row[filled[0]], where, filled[0]) if filled else ()


def read_tools(value: Any, where: str, column: str) -> Tools:
    """The schemas of a value. A function that stands there without its wrapping is wrapped, as servers want it."""
    if isinstance(value, str) and not is_empty(value):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise UnkeptError(
                where, f"column `{column}` is text and no JSON", f"write a list of schemas, each {_SCHEMA}"
            ) from None
    if is_empty(value):
        return ()
    listed = [value] if isinstance(value, Mapping) else value
    if not isinstance(listed, list):
        raise UnkeptError(
            where,
            f"column `{column}` is a {type(value).__name__}",
            f"write a list of schemas, each {_SCHEMA}",
        )
    return tuple(_tool(each, where, f"`{column}`[{place}]") for place, each in enumerate(listed))


def bare(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """The function of a tool without its wrapping, as older formats hold it."""
    inner = tool.get("function")
    return inner if isinstance(inner, Mapping) and tool.keys() == {"type", "function"} else tool


def _tool(value: Any, where: str, place: str) -> Mapping[str, Any]:
    kept = json_form(value, where, place)
    if not isinstance(kept, dict):
        raise UnkeptError(where, f"{place} is a {type(value).__name__}", f"write it as {_SCHEMA}")
    found = wrapped_tool(kept)
    inner = found.get("function")
    if isinstance(inner, dict) and _is_name(inner.get("name")):
        return found
    if isinstance(kept.get("type"), str) and kept["type"] != "function":
        return kept  # of a server's own kinds
    raise UnkeptError(where, f"{place} is no schema of a function", f"write it as {_SCHEMA}")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
