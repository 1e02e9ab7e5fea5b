"""Turns of a conversation out of a row's value, and back: a text, or a list of `{role, content}` (or `{from, value}`).

Every key of a turn is kept: as a field of `Message`, or under its own name in `Message.extra`. What was said and is no
text is refused by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast, get_args

from rlaif.errors import PromptFileError, UnkeptError
from rlaif.exchange.cells import json_form
from rlaif.exchange.columns import THOUGHTS, is_empty
from rlaif.exchange.content import Content, read_content, sound
from rlaif.exchange.conversation import check_conversation
from rlaif.exchange.sharegpt_turns import thought_before_call
from rlaif.exchange.tool_calls import ReadCalls, call_rows, read_calls
from rlaif.exchange.turn_cells import unpacked
from rlaif.records import Message, Role

_ROLES = get_args(Role)
_RESULTS: Mapping[str, Role] = dict.fromkeys(
    ("function", "observation", "tool_response", "function_response", "ipython"), "tool"
)
"""Other names of who gives the result of a tool."""
_CALLERS = ("function_call", "tool_call")
"""Who speaks where the text of a turn is the call of a tool, as JSON."""
_SHARED: Mapping[str, Role] = {"human": "user", "gpt": "assistant"}
"""Who speaks in ShareGPT's turns, where they say `from`."""
NO_TEXT = (
    "audio", "audios", "image", "images", "image_url", "video", "videos", "file", "files", "attachments",
    "documents", "tool_responses",
)  # fmt: skip
"""Keys of a turn that are a part of what was said and no text."""
ABSENT = False
"""As `content` in `extra`: the turn's row has no such key. None or an empty text: it has that there."""
_LEAVE_OUT = "take the key out where it has no meaning, or leave such rows out"
_PLAIN = {"role", "content"}
_CALLS = ("tool_calls", "function_call")


def prompt_turns(value: Any, where: str, column: str) -> tuple[Message, ...]:
    """A prompt: one text, or turns that end with the user's or with a tool's result.

    Raises PromptFileError naming `where`.
    """
    return checked_prompt(turns(value, where, column, role="user"), where, column)


def checked_prompt(messages: Sequence[Message], where: str, column: str) -> tuple[Message, ...]:
    """The turns, which end as a prompt does. Raises PromptFileError for others, and where the last text is blank."""
    last = messages[-1]
    if last.role not in ("user", "tool"):
        raise PromptFileError(
            f"{where}: the last turn of {column!r} is of {last.role}; a prompt ends with the user's, or with the "
            "result of a tool: leave out what comes after it"
        )
    if last.role == "user" and not last.content.strip():
        raise PromptFileError(f"{where}: {column!r} is blank; remove the row or write the prompt")
    return tuple(messages)


def turns(value: Any, where: str, column: str, *, role: Role) -> tuple[Message, ...]:
    """A text becomes one turn of `role`; a list is read turn by turn.

    Raises PromptFileError for what is no conversation, UnkeptError for one that cannot be kept whole.
    """
    if isinstance(value, str):
        return (Message(role=role, content=sound(value, where, column)),)
    if not isinstance(value, list) or not value:
        kind = "empty" if value in (None, []) else f"a {type(value).__name__}"
        raise PromptFileError(f"{where}: {column!r} is {kind}; it must be text or a list of turns")
    found = tuple(_turn(turn, where, f"{column}[{place}]") for place, turn in enumerate(value))
    check_conversation(found, where, column)
    return found


TRAINERS = ("reasoning_content", "thinking")
"""Keys under which chat templates, and so trainers, look for a thought."""


def turn_rows(messages: Sequence[Message], thoughts: Sequence[str] = THOUGHTS) -> list[dict[str, Any]]:
    """The turns as mappings, as trainers and chat templates want them: `role`, `content`, and what else is set.

    A thought has the key that it had in its row where that is one of `thoughts`, else the first of them.
    """
    return [_row(each, thoughts) for each in messages]


def _row(turn: Message, thoughts: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"role": turn.role, "content": turn.content}
    extra = dict(turn.extra)
    held = extra.pop("content", turn.content)
    if held in (ABSENT, None, "") and turn.content in ("", extra.get("refusal")):
        row["content"] = held
    if row["content"] is ABSENT:
        del row["content"]
    # what is said there of a thought or calls that were taken away since is no key of a row
    own = extra.pop("thought") if not is_empty(extra.get("thought")) else None
    further = extra.pop("tool_calls") if not is_empty(extra.get("tool_calls")) else ()
    if turn.thought:
        row[str(own) if own in thoughts else thoughts[0]] = turn.thought
    if turn.tool_calls:
        row["tool_calls"] = call_rows(turn.tool_calls, further)
    for name, value in (("name", turn.name), ("tool_call_id", turn.tool_call_id)):
        if value is not None:
            row[name] = value
    return row | {name: value for name, value in extra.items() if name not in row}


class _Turn(NamedTuple):
    """A turn as its row says it."""

    role: Any
    content: Any
    key: str
    """Of the content."""


def _turn(row: Any, where: str, place: str) -> Message:
    if isinstance(row, Mapping) and row.keys() == _PLAIN and row["role"] in _ROLES:
        content = row["content"]
        if isinstance(content, str):
            return Message(role=row["role"], content=sound(content, where, place))
    row = unpacked(row) if isinstance(row, Mapping) else row
    said = _named(row)
    if said is None:
        raise PromptFileError(f"{where}: {place} must be an object with `role` and `content`")
    for name in NO_TEXT:
        if not is_empty(row.get(name)):
            raise UnkeptError(where, f"{place} has `{name}`, and only its text can be kept", _LEAVE_OUT)
    role = "assistant" if said.role in _CALLERS else said.role
    if role not in _ROLES:
        known = ", ".join((*_ROLES, *(_SHARED if said.key == "value" else ()), *_RESULTS, *_CALLERS))
        raise PromptFileError(f"{where}: {place} has role {role!r:.60}; known roles: {known}")
    return _message(row, said, cast(Role, role), where, place)


def _message(row: Mapping[str, Any], said: _Turn, role: Role, where: str, place: str) -> Message:
    """The turn with all its keys: what has no field of its own goes to `extra`."""
    called = _called(row, said, where, place)
    key, thought = _thought(row, where, place)
    content = _content(row, said, where, place)
    if content.thought and thought:
        raise UnkeptError(where, f"{place} has `{key}`, and a thought among its parts", "keep one of the two")
    if role != "assistant" and (called.calls or thought or content.thought):
        what = "calls tools" if called.calls else "thinks"
        raise UnkeptError(where, f"{place} is of {role} and {what}; only the assistant does", _LEAVE_OUT)
    # the call that a turn answers says nothing of a turn that is no answer to one: it is a further key there
    named = ("name", "tool_call_id") if role == "tool" else ("name",)
    fields = {name: _word(row, name, where, place) for name in named}
    read = {said.key, "from" if said.key == "value" else "role", *(name for name in fields if fields[name])}
    read |= {name for name in _CALLS if not is_empty(row.get(name))}
    extra = json_form({name: row[name] for name in row.keys() - read - {key}}, where, place)
    if any(called.further):
        extra["tool_calls"] = list(called.further)
    if key not in ("", "thought"):
        extra["thought"] = key
    if said.role not in _CALLERS:
        if said.content is None:
            extra["content"] = None if said.key in row else ABSENT
        elif said.content == "" and content.text:
            extra["content"] = ""
    if content.parts:
        extra["content_parts"] = content.parts
    return Message(
        role=role,
        content=content.text,
        thought=thought or content.thought,
        tool_calls=called.calls,
        name=fields["name"],
        tool_call_id=fields.get("tool_call_id"),
        extra={name: extra[name] for name in (*row, *extra) if name in extra},
    )


def _named(row: Any) -> _Turn | None:
    """Who speaks and what is said; None where the row says neither."""
    if not isinstance(row, Mapping):
        return None
    if {"from", "value"} <= row.keys() and not {"role", "content"} & row.keys():
        return _Turn(_other(row["from"], {**_RESULTS, **_SHARED}), row["value"], "value")
    beside = (*_CALLS, "refusal", *NO_TEXT, *THOUGHTS)
    if "role" in row and ("content" in row or any(not is_empty(row.get(name)) for name in beside)):
        return _Turn(_other(row["role"], _RESULTS), row.get("content"), "content")
    return None


def _other(role: Any, names: Mapping[str, Role]) -> Any:
    return names.get(role, role) if isinstance(role, str) else role


def _called(row: Mapping[str, Any], said: _Turn, where: str, place: str) -> ReadCalls:
    filled = [name for name in _CALLS if not is_empty(row.get(name))]
    if said.role in _CALLERS:
        if filled:
            raise UnkeptError(where, f"{place} is a call, and has `{filled[0]}` too", "keep one of the two")
        return read_calls(thought_before_call(said.content)[1], where, place)
    if len(filled) > 1:
        raise UnkeptError(where, f"{place} has both `tool_calls` and `function_call`", "keep one of the two")
    return read_calls(row[filled[0]], where, f"{place}.{filled[0]}") if filled else ReadCalls((), ())


def _content(row: Mapping[str, Any], said: _Turn, where: str, place: str) -> Content:
    if said.role in _CALLERS:
        return Content("", thought_before_call(said.content)[0])
    if said.role == "assistant" and (said.content is None or said.content == ""):
        refusal = row.get("refusal")
        if isinstance(refusal, str) and refusal.strip():
            return Content(sound(refusal, where, place))
        if said.content is None and any(not is_empty(row.get(name)) for name in (*_CALLS, *THOUGHTS)):
            return Content("")
    return read_content(said.content, where, place)


def _thought(row: Mapping[str, Any], where: str, place: str) -> tuple[str, str]:
    """The key of a turn's thought, and the thought; both empty where there is none. The same twice is one."""
    found: dict[str, str] = {}
    for name in THOUGHTS:
        value = row.get(name)
        if isinstance(value, list | Mapping) and value:
            raise UnkeptError(where, f"{place} has `{name}`, which is no text", _LEAVE_OUT)
        if isinstance(value, str) and value.strip():
            found[name] = sound(value, where, place)
    if len({*found.values()}) > 1:
        raise UnkeptError(where, f"{place} has {' and '.join(found)}, which differ", "keep one of them")
    return next(iter(found.items()), ("", ""))


def _word(row: Mapping[str, Any], name: str, where: str, place: str) -> str | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise PromptFileError(
            f"{where}: {place} has {name!r} of type {type(value).__name__}; it must be text"
        )
    return sound(value, where, place)
