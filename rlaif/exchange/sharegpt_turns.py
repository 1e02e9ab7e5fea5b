"""Turns as ShareGPT has them, `{from, value}`: calls as JSON, thoughts in the marks that LLaMA-Factory looks for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.exchange.tool_calls import arguments_of
from rlaif.records import Message, ToolCall

_NAMES = {"user": "human", "assistant": "gpt", "tool": "observation", "system": "system"}
_ASKS = ("user", "tool")
_THOUGHT = "<think>\n{}\n</think>\n\n"
_BEFORE_A_CALL = re.compile(r"\s*<think>\n?(.*?)\n?</think>\s*(?=[\[{])", re.DOTALL)


def thought_before_call(value: Any) -> tuple[str, Any]:
    """The thought of a turn that is a call, and the call: JSON behind such marks can be nothing else."""
    found = _BEFORE_A_CALL.match(value) if isinstance(value, str) else None
    return ("", value) if found is None else (found[1], value[found.end() :])


def alternates(prompt: Sequence[Message]) -> bool:
    """Whether turns that ask and turns that answer take turns, and the last one asks."""
    return len(prompt) % 2 == 1 and all(
        (each.role in _ASKS) == (place % 2 == 0) and each.role in _NAMES and each.role != "system"
        for place, each in enumerate(prompt)
    )


def shared_turn(turn: Message) -> dict[str, Any] | None:
    """A turn under these names; None where it has text beside its calls, or arguments that are no object."""
    thought = _THOUGHT.format(turn.thought) if turn.thought else ""
    further = {
        name: value for name, value in turn.extra.items() if name not in ("content", "thought", "tool_calls")
    }
    if turn.tool_calls:
        calls = [_call(each) for each in turn.tool_calls]
        if turn.content.strip() or None in calls:
            return None
        value = json.dumps(calls[0] if len(calls) == 1 else calls, ensure_ascii=False)
        return {"from": "function_call", "value": thought + value, **further}
    beside = {"name": turn.name, "tool_call_id": turn.tool_call_id}
    said = {"from": _NAMES[turn.role], "value": thought + turn.content}
    return said | {name: value for name, value in beside.items() if value is not None} | further


def _call(call: ToolCall) -> Mapping[str, Any] | None:
    arguments = arguments_of(call)
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return None
    if not isinstance(arguments, dict):
        return None
    own = {} if call.id is None else {"id": call.id}
    return {"name": call.name, "arguments": arguments, **own}
