"""Turns of a conversation out of a row's value: a text, or a list of `{role, content}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from rlaif.errors import PromptFileError
from rlaif.records import Message, Role

_ROLES = get_args(Role)


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
    if not isinstance(turn, Mapping) or not {"role", "content"} <= turn.keys():
        raise PromptFileError(f"{where}: {place} must be an object with `role` and `content`")
    role, content = turn["role"], turn["content"]
    if role not in _ROLES:
        raise PromptFileError(f"{where}: {place} has role {role!r}; known roles: {', '.join(_ROLES)}")
    if not isinstance(content, str):
        kind = type(content).__name__
        raise PromptFileError(f"{where}: {place} has content of type {kind}; only text can be read")
    return Message(role=cast(Role, role), content=_sound(content, where, place))


def _sound(text: str, where: str, place: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise PromptFileError(
            f"{where}: {place} holds half a character (a lone surrogate); mend it"
        ) from None
    return text
