"""Turns as people read them, in plain text. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rlaif.exchange.counted_texts import answer_text
from rlaif.records import Completion, Message, ToolCall

_LONGEST_NAME = 60
_TITLES = {"tool": "tool result"}


def answer_of(completion: Completion) -> str:
    """The `answer_text` of a completion."""
    return answer_text(completion.turns) if completion.lead else completion.text


def last_asked(turns: Sequence[Message]) -> str:
    """The last turn of a prompt, for lists: its content, and whose it is where that is not the user."""
    if not turns:
        return ""
    last = turns[-1]
    return last.content if last.role == "user" else f"{turn_title(last)}: {last.content}"


def turn_title(turn: Message) -> str:
    """Who speaks in a turn, and a name where it has one, on one line: `user`, `tool result (search)`."""
    title = _TITLES.get(turn.role, turn.role)
    return f"{title} ({one_line(turn.name)})" if turn.name else title


def call_text(call: ToolCall) -> str:
    """`name(arguments)`, on as many lines as the arguments have."""
    return f"{one_line(call.name)}({call.arguments})"


def shown_text(turns: Sequence[Message]) -> str:
    """One side in plain text, for where there is no room: of one turn without calls its content.

    Else every turn with who speaks, calls with their arguments; thoughts are left out.
    """
    if len(turns) == 1 and not turns[0].tool_calls:
        return turns[0].content
    lines = []
    for each in turns:
        if each.content or not each.tool_calls:
            lines.append(f"{turn_title(each)}: {each.content}")
        lines += [f"tool call: {call_text(call)}" for call in each.tool_calls]
    return "\n".join(lines)


def tool_names(tools: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of functions, by their schemas; `?` of one that has none."""
    return [one_line(str(_named(each).get("name") or "?")) for each in tools]


def one_line(name: str) -> str:
    """A name without line feeds, so that it can stand in a heading, and not too long for it."""
    flat = " ".join(name.split())
    return flat if len(flat) <= _LONGEST_NAME else flat[: _LONGEST_NAME - 3] + "..."


def _named(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = tool.get("function")
    return inner if isinstance(inner, Mapping) else tool
