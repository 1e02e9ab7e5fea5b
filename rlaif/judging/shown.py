"""What a judge is shown of a prompt and of a completion: one text as it is, several turns each fenced and named. Pure.

A fence is longer than any run of backticks inside of what is shown, and stands in the judge's question within a longer
one: whatever a turn says, it cannot end itself and begin another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from rlaif.records import Completion, Message, Prompt, ToolCall, Tools
from rlaif.templates import fence_around

Sees = Literal["answer", "all"]
"""What a judge sees: `answer` leaves out the thoughts of the assistant, `all` shows them as turns of their own."""
_LIKE_TURNS = re.compile(r"\s*(?:tools|(?:system|developer|user|assistant|tool)\b[^\n]*):\s*\n\s*`{3,}\s*\n")
"""How a text begins that reads as turns: it is shown as the one turn that it is."""
_WORD = re.compile(r"[\w.-]{1,64}")


class _Part(NamedTuple):
    """A piece of a conversation under its own heading."""

    heading: str
    text: str


def shown_prompt(prompt: Prompt, sees: Sees = "answer") -> str:
    """How a prompt is shown: the text of its one turn; several turns, or a turn with tools, each fenced and named."""
    if len(prompt.messages) == 1 and not prompt.tools and not _LIKE_TURNS.match(prompt.text):
        return prompt.text
    tools = [_Part("tools", _described(prompt.tools))] if prompt.tools else []
    return _fenced([*tools, *_parts(prompt.messages, sees)])


def shown(completion: Completion, sees: Sees = "answer") -> str:
    """How a completion is shown: its answer; several turns, calls, and a thought that is seen, fenced and named.

    A thought that never ended has no answer behind it, and is shown, where thoughts are, as one that did not end.
    """
    return shown_turns(completion.turns, sees, open_thought=completion.open_thought)


def shown_sides(
    sides: Sequence[Sequence[Message]], sees: Sees = "answer", *, open_thoughts: Sequence[bool] = ()
) -> list[str]:
    """How the turns of each side of one question are shown: plain texts where all are, else all fenced and named.

    A form that only one side has would be a cue. `open_thoughts` says of each side whether its last thought never
    ended; empty: all did.
    """
    if all(_is_text(turns, sees) for turns in sides):
        return [turns[-1].content for turns in sides]
    ended = [False] * len(sides)
    return [
        _fenced([*_parts(turns, sees, open_thought=never)])
        for turns, never in zip(sides, open_thoughts or ended, strict=True)
    ]


def shown_turns(turns: Sequence[Message], sees: Sees = "answer", *, open_thought: bool = False) -> str:
    """As `shown`, of the turns of one side; `open_thought` says that the thought of the last one never ended."""
    if _is_text(turns, sees):
        return turns[-1].content
    return _fenced([*_parts(turns, sees, open_thought=open_thought)])


def _is_text(turns: Sequence[Message], sees: Sees) -> bool:
    """Whether one text says all that is seen of the turns, and cannot be taken for several."""
    last = turns[-1]
    plain = len(turns) == 1 and not last.tool_calls and not _LIKE_TURNS.match(last.content)
    return plain and (sees == "answer" or not last.thought)


def _parts(turns: Sequence[Message], sees: Sees, *, open_thought: bool = False) -> Iterator[_Part]:
    """The parts of turns; `open_thought` is of the last one."""
    called = {call.id: call.name for each in turns for call in each.tool_calls if call.id}
    for number, each in enumerate(turns, 1):
        never_ended = open_thought and number == len(turns)
        if sees == "all" and each.thought:
            yield _Part(
                f"{each.role}'s thought" + (", which never ended" if never_ended else ""), each.thought
            )
        if each.content or not (each.tool_calls or never_ended):
            name = each.name or called.get(each.tool_call_id or "") or ""
            yield _Part(_named(each.role, name, each.tool_call_id), each.content)
        for call in each.tool_calls:
            yield _Part(_named(f"{each.role} calls", call.name, call.id), _arguments(call))


def _arguments(call: ToolCall) -> str:
    return call.arguments or "{}"


def _named(role: str, name: str, call: str | None) -> str:
    """A heading of one line: names are data too, and stand in quotes where they are no plain words."""
    shown_names = [_word(name)] * bool(name) + [f"({_word(call)})"] * bool(call)
    return " ".join([role, *shown_names])


def _word(text: str | None) -> str:
    said = text or ""
    return said if _WORD.fullmatch(said) else json.dumps(said)


def _described(tools: Tools) -> str:
    """One line a tool: its name and what its schema says of it."""
    return "\n".join(f"{_word(str(each.get('name', '')))}: {_line(each)}" for each in map(_function, tools))


def _function(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    held = tool.get("function")
    return held if isinstance(held, Mapping) else tool


def _line(tool: Mapping[str, Any]) -> str:
    return " ".join(str(tool.get("description") or "").split())


def _fenced(parts: Sequence[_Part]) -> str:
    fence = fence_around([each for part in parts for each in part])
    return "\n".join(f"{part.heading}:\n{fence}\n{part.text}\n{fence}" for part in parts)
