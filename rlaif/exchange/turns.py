"""Turns of a conversation out of a row's value: a text, or a list of `{role, content}` (or `{from, value}`).

What a turn holds beside its text is refused where it is a part of what was said (calls of tools, thoughts, pictures).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast, get_args

from rlaif.errors import PromptFileError, UnkeptError
from rlaif.records import Message, Role

_log = logging.getLogger(__name__)
_ROLES = get_args(Role)
_OTHER_NAMES: Mapping[str, Role] = {"developer": "system"}
"""The same role under a newer name."""
_SHARED: Mapping[str, Role] = {"human": "user", "gpt": "assistant"}
"""Who speaks in ShareGPT's turns, where they say `from`."""
TOOL_ROLES = ("tool", "function", "function_call", "observation", "tool_response", "ipython")
"""Who speaks where tools are used."""
SAID_TOO = (
    "tool_calls", "function_call", "tool_call_id", "tool_responses", "reasoning_content", "reasoning", "thinking",
    "thought", "refusal", "audio", "images", "videos", "weight",
)  # fmt: skip
"""Keys of a turn that are a part of what was said, or say whether it is to be learned."""
_READ = frozenset({"role", "content", "from", "value"})


def prompt_turns(value: Any, where: str, column: str) -> tuple[Message, ...]:
    """A prompt: one text, or turns that end with the user's. Raises PromptFileError naming `where`."""
    messages = turns(value, where, column, role="user")
    if messages[-1].role != "user":
        raise PromptFileError(
            f"{where}: the last turn of {column!r} is of {messages[-1].role}; a prompt ends with the user's"
        )
    if not messages[-1].content.strip():
        raise PromptFileError(f"{where}: {column!r} is blank; remove the row or write the prompt")
    return messages


def turns(value: Any, where: str, column: str, *, role: Role) -> tuple[Message, ...]:
    """A text becomes one turn of `role`; a list is read turn by turn."""
    if isinstance(value, str):
        return (Message(role=role, content=_sound(value, where, column)),)
    if not isinstance(value, list) or not value:
        kind = "empty" if value in (None, []) else f"a {type(value).__name__}"
        raise PromptFileError(f"{where}: {column!r} is {kind}; it must be text or a list of turns")
    return tuple(_turn(turn, where, f"{column}[{place}]") for place, turn in enumerate(value))


def turn_rows(messages: Sequence[Message]) -> list[dict[str, str]]:
    """The turns as `{role, content}` mappings, as trainers and chat templates want them."""
    return [{"role": each.role, "content": each.content} for each in messages]


def _turn(turn: Any, where: str, place: str) -> Message:
    said = _named(turn)
    if said is None:
        raise PromptFileError(f"{where}: {place} must be an object with `role` and `content`")
    role, content = said
    for name in SAID_TOO:
        if turn.get(name) not in (None, "", [], {}):
            raise UnkeptError(where, f"{place} has `{name}`, and only its text can be kept", _LEAVE_OUT)
    for name in turn.keys() - _READ - set(SAID_TOO):
        if turn[name] not in (None, "", [], {}):
            _say_left(str(name))
    if role in TOOL_ROLES:
        raise UnkeptError(
            where,
            f"{place} has role {role!r}; known roles: {_KNOWN}",
            "leave out rows in which tools are used",
        )
    if role not in _ROLES:
        raise PromptFileError(f"{where}: {place} has role {role!r}; known roles: {_KNOWN}")
    return Message(role=cast(Role, role), content=_sound(_text(content, where, place), where, place))


_KNOWN = ", ".join((*_ROLES, *_OTHER_NAMES))
_LEAVE_OUT = "take the key out where it has no meaning, or leave such rows out"


@cache
def _say_left(name: str) -> None:
    """Once: the turns of a file are many."""
    _log.warning("turns: left out: %s (no meaning here)", name)


def _named(turn: Any) -> tuple[Any, Any] | None:
    if not isinstance(turn, Mapping):
        return None
    if {"role", "content"} <= turn.keys():
        return _other(turn["role"], _OTHER_NAMES), turn["content"]
    if {"from", "value"} <= turn.keys():
        return _other(turn["from"], {**_OTHER_NAMES, **_SHARED}), turn["value"]
    if "role" in turn and any(turn.get(name) for name in SAID_TOO):
        return turn["role"], ""  # nothing but a call: refused by its name
    return None


def _other(role: Any, names: Mapping[str, Role]) -> Any:
    return names.get(role, role) if isinstance(role, str) else role


def _text(content: Any, where: str, place: str) -> str:
    """The text of a turn; parts that are text alone are joined, as servers and templates do."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content and all(isinstance(each, Mapping) for each in content):
        odd = next(
            (each for each in content if each.get("type") not in ("text", "input_text", "output_text")), None
        )
        if odd is None and all(isinstance(each.get("text"), str) for each in content):
            return "".join(each["text"] for each in content)
        if odd is not None and isinstance(odd.get("type"), str):
            raise UnkeptError(
                where,
                f"{place} has a part of type {odd['type']!r}; only text can be read",
                "leave out such rows",
            )
    kind = type(content).__name__
    raise PromptFileError(f"{where}: {place} has content of type {kind}; only text can be read")


def _sound(text: str, where: str, place: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise PromptFileError(
            f"{where}: {place} holds half a character (a lone surrogate); mend it"
        ) from None
    return text
