"""Turns as cells of a table: every turn of a column has the same keys there, and each key one kind of value."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rlaif.exchange.columns import THOUGHTS

TURNS = ("prompt", "chosen", "rejected", "completion", "messages")
"""Columns of turns."""
_TEXTS = ("role", "content", *THOUGHTS, "name", "tool_call_id")
FURTHER = "extra"
"""Key of the JSON text that holds what a table has no key for."""


def as_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its turns as a table holds them, and its tools as JSON text.

    Texts and calls keep their keys; the arguments of a call become JSON text; further keys go to `extra`, as JSON text.
    """
    found = {
        name: [_turn(each) for each in value] if name in TURNS and isinstance(value, list) else value
        for name, value in row.items()
    }
    if isinstance(found.get("tools"), list):
        found["tools"] = json.dumps(found["tools"], ensure_ascii=False)
    return found


def keys_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The keys of the turns of all rows that `as_cells` made, in a fixed order: `role` and `content`, then others."""
    seen = {key for row in rows for name in TURNS for turn in row.get(name) or () for key in turn}
    return [key for key in (*_TEXTS, "tool_calls", FURTHER) if key in ("role", "content") or key in seen]


def _turn(turn: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        name: value
        for name, value in turn.items()
        if name in ("role", "content") or (name in _TEXTS and isinstance(value, str))
    }
    rest = {name: value for name, value in turn.items() if name not in found}
    if turn.get("tool_calls"):
        calls, further = zip(*map(_call, rest.pop("tool_calls")), strict=True)
        found["tool_calls"] = list(calls)
        if any(further):
            rest["tool_calls"] = list(further)
    if rest:
        found[FURTHER] = json.dumps(rest, ensure_ascii=False)
    return found


def _call(row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A call with the keys that all calls have, and its other keys."""
    function = row["function"]
    arguments = function["arguments"]
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    call = {
        "id": row.get("id"),
        "type": "function",
        "function": {"name": function["name"], "arguments": text},
    }
    further = {name: value for name, value in row.items() if name not in call}
    inside = {name: value for name, value in function.items() if name not in ("name", "arguments")}
    return call, further | ({"function": inside} if inside else {})


def unpacked(turn: Mapping[str, Any]) -> Mapping[str, Any]:
    """A turn of a table with the keys that `extra` holds as JSON text; any other turn as it is."""
    text = turn.get(FURTHER)
    if not isinstance(text, str) or not text.startswith("{"):
        return turn
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        return turn
    if not isinstance(held, dict):
        return turn
    found = {name: value for name, value in turn.items() if name != FURTHER}
    calls = held.pop("tool_calls", None) if found.get("tool_calls") else None
    if isinstance(calls, list) and len(calls) == len(found["tool_calls"]):
        found["tool_calls"] = [
            _whole(call, more) for call, more in zip(found["tool_calls"], calls, strict=True)
        ]
    return found | {name: value for name, value in held.items() if name not in found}


def _whole(call: Any, further: Any) -> Any:
    if not isinstance(call, Mapping) or not isinstance(further, Mapping):
        return call
    inside = further.get("function")
    function = {**call.get("function", {}), **(inside if isinstance(inside, Mapping) else {})}
    return {
        **call,
        **{name: each for name, each in further.items() if name not in call},
        "function": function,
    }


def has_turns(value: Any) -> bool:
    """Whether a cell is a turn, or a list of turns."""
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, Mapping) and bool({"role", "from"} & first.keys())


def without_gaps(value: Any) -> Any:
    """A cell of turns or schemas without the keys that a table adds where other rows have them; `content` stays."""
    if isinstance(value, Mapping):
        return {
            name: without_gaps(item)
            for name, item in value.items()
            if item is not None or name in ("content", "value")
        }
    return [without_gaps(each) for each in value] if isinstance(value, list) else value
