"""Calls of tools in a server's JSON, out and in. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.records import ToolCall
from rlaif.secrets import cleaned_text


def calls_json(calls: Sequence[ToolCall], turn: int) -> list[dict[str, Any]]:
    """Calls as a message holds them. One without an id gets one by its place, which servers want."""
    return [
        {
            "id": each.id or made_id(turn, place),
            "type": "function",
            "function": {"name": each.name, "arguments": each.arguments},
        }
        for place, each in enumerate(calls)
    ]


def made_id(turn: int, place: int) -> str:
    """The id of a call that has none: nine letters and digits, as Mistral's models want them."""
    return f"call{turn % 1000:03d}{place % 100:02d}"


def called(message: Mapping[str, Any]) -> tuple[ToolCall, ...] | None:
    """The calls of a reply; None where one of them cannot be read."""
    told = message.get("tool_calls") or []
    if not told and isinstance(older := message.get("function_call"), Mapping):
        told = [{"function": older}]
    if not isinstance(told, list):
        return None
    found = [_call(each) for each in told]
    return tuple(each for each in found if each is not None) if None not in found else None


def _call(told: object) -> ToolCall | None:
    function = told.get("function") if isinstance(told, Mapping) else None
    if not isinstance(told, Mapping) or not isinstance(function, Mapping):
        return None
    name, arguments, own = function.get("name"), function.get("arguments"), told.get("id")
    if not isinstance(name, str) or not name:
        return None
    if arguments is None:
        arguments = "{}"
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)  # Ollama's own form
    return ToolCall(
        name=cleaned_text(name),
        arguments=cleaned_text(arguments),
        id=cleaned_text(own) if isinstance(own, str) and own else None,
    )
