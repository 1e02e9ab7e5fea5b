"""Turns in the shape that chat templates read, and every text in them that somebody wrote. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from rlaif.records import Conversation, Message, ToolCall, Tools

Turns = Sequence[Message] | Conversation
Change = Callable[[str], str]


class ThoughtForm(StrEnum):
    """Where a template looks for the thought of an assistant's turn."""

    FIELDS = "fields"
    """`reasoning_content`, `reasoning` or `thinking` beside the content."""
    PARTS = "parts"
    """A part of the content, as Mistral's templates have it."""
    NONE = "none"


def conversation(turns: Turns) -> Conversation:
    """Turns with what stands beside them; nothing does beside plain messages."""
    return turns if isinstance(turns, Conversation) else Conversation(messages=tuple(turns))


def is_bare(message: Message) -> bool:
    """Whether a turn is role and text alone."""
    return not (message.thought or message.tool_calls or message.name or message.tool_call_id)


def arguments_of(call: ToolCall) -> dict[str, Any] | None:
    """The arguments of a call as an object; None where their text is none."""
    try:
        found = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def as_turn(message: Message, thoughts: ThoughtForm, *, arguments_as_text: bool) -> dict[str, Any]:
    """A turn as templates and `apply_chat_template` take it; only what is set is there."""
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.thought and thoughts is ThoughtForm.FIELDS:
        turn |= dict.fromkeys(("reasoning_content", "reasoning", "thinking"), message.thought)
    elif message.thought and thoughts is ThoughtForm.PARTS:
        said = [{"type": "text", "text": message.content}] if message.content else []
        turn["content"] = [{"type": "thinking", "thinking": message.thought, "closed": True}, *said]
    if message.tool_calls:
        turn["tool_calls"] = [_call(each, as_text=arguments_as_text) for each in message.tool_calls]
    if message.name:
        turn["name"] = message.name
    if message.tool_call_id:
        turn["tool_call_id"] = message.tool_call_id
    return turn


def mapped(message: Message, text: Change, word: Change) -> Message:
    """A turn with other texts: `text` of what is said, `word` of names and ids, which templates may compare."""
    if is_bare(message):
        return replace(message, content=text(message.content))
    calls = (
        replace(
            each,
            name=word(each.name),
            arguments=_mapped_arguments(each, text, word),
            id=each.id and word(each.id),
        )
        for each in message.tool_calls
    )
    return replace(
        message,
        content=text(message.content),
        thought=text(message.thought),
        tool_calls=tuple(calls),
        name=message.name and word(message.name),
        tool_call_id=message.tool_call_id and word(message.tool_call_id),
    )


def mapped_tools(tools: Tools, text: Change, word: Change) -> Tools:
    """Schemas with other texts: `text` of descriptions, `word` of everything else, keys included."""
    return tuple(_mapped(each, word, word, description=text) for each in tools)


def tool_name(tool: Mapping[str, Any]) -> str:
    """The name of the function of a schema, which stands inside of `function` or by itself."""
    inner = tool.get("function")
    return str((inner if isinstance(inner, Mapping) else tool).get("name", ""))


def named_tool(tool: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The schema under another name."""
    inner = tool.get("function")
    return (
        {**tool, "function": {**inner, "name": name}}
        if isinstance(inner, Mapping)
        else {**tool, "name": name}
    )


def _call(call: ToolCall, *, as_text: bool) -> dict[str, Any]:
    parsed = None if as_text else arguments_of(call)
    function = {"name": call.name, "arguments": call.arguments if parsed is None else parsed}
    return {"type": "function", **({"id": call.id} if call.id else {}), "function": function}


def _mapped_arguments(call: ToolCall, text: Change, word: Change) -> str:
    parsed = arguments_of(call)
    if parsed is None:
        return text(call.arguments)
    changed = _mapped(parsed, text, word)
    # what nothing changes stays as it was written, blanks included
    return call.arguments if changed == parsed else json.dumps(changed, ensure_ascii=False)


def _mapped(value: Any, text: Change, word: Change, description: Change | None = None) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return {
            word(key): description(each)
            if description and key == "description" and isinstance(each, str)
            else _mapped(each, text, word, description)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_mapped(each, text, word, description) for each in value]
    return value
