"""Calls of tools out of a row's value, and back: OpenAI's form, that of chat templates, and older ones."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from rlaif.errors import PromptFileError, UnkeptError
from rlaif.exchange.cells import json_form
from rlaif.records import ToolCall

_log = logging.getLogger(__name__)
_KINDS = (None, "", "function", "function_call", "tool_call")
_ARGUMENTS = ("arguments", "parameters")
_SHAPE = '`{"type": "function", "function": {"name": ..., "arguments": ...}}`'


class ReadCalls(NamedTuple):
    """The calls of a turn, and for each what else its row holds."""

    calls: tuple[ToolCall, ...]
    further: tuple[Mapping[str, Any], ...]


def read_calls(value: Any, where: str, place: str) -> ReadCalls:
    """The calls of a turn: a list of them, one alone, or either as JSON text, as tables hold it.

    Arguments that are text are kept to the letter, also where they are no JSON: a model wrote them.
    Raises PromptFileError for what is no call, UnkeptError for a call of what is no function.
    """
    if isinstance(value, str):
        value = _parsed(value, where, place)
    listed = [value] if isinstance(value, Mapping) else value
    if not isinstance(listed, list) or not all(isinstance(each, Mapping) for each in listed):
        raise PromptFileError(f"{where}: {place} must be a list of calls, each {_SHAPE}")
    found = [_call(each, where, f"{place}[{number}]") for number, each in enumerate(listed)]
    return ReadCalls(tuple(call for call, _ in found), tuple(further for _, further in found))


def call_rows(calls: Sequence[ToolCall], further: Any = ()) -> list[dict[str, Any]]:
    """The calls as servers and chat templates want them: arguments as `arguments_of` has them.

    `further` is what else the rows held, call by call; it is left where there are not as many.
    """
    beside = further if isinstance(further, Sequence) and len(further) == len(calls) else [{}] * len(calls)
    return [_row(call, each) for call, each in zip(calls, beside, strict=True)]


def arguments_of(call: ToolCall) -> Any:
    """The arguments as the row held them: text, or an object where they were one.

    What a model wrote in other letters than an object is written in stays text: read back, it is what it was.
    """
    if call.as_text:
        return call.arguments
    try:
        found = json.loads(call.arguments)
        same = isinstance(found, dict) and _written(found) == call.arguments
    except (ValueError, RecursionError):
        return call.arguments
    return found if same else call.arguments


def _parsed(text: str, where: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise UnkeptError(
            where, f"{place} is text and no JSON", f"write the calls as a list, each {_SHAPE}"
        ) from None


def _call(row: Mapping[str, Any], where: str, place: str) -> tuple[ToolCall, dict[str, Any]]:
    kind = row.get("type")
    if kind not in _KINDS:
        raise UnkeptError(
            where,
            f"{place} is a call of type {kind!r:.40}; only functions are called here",
            "leave out such rows",
        )
    inner = row.get("function")
    wrapped = isinstance(inner, Mapping)
    function: Mapping[str, Any] = inner if isinstance(inner, Mapping) else row
    name, own = function.get("name"), row.get("id")
    if not isinstance(name, str) or not name.strip():
        raise PromptFileError(f"{where}: {place} names no function; a call is {_SHAPE}")
    if own is not None and not isinstance(own, str):
        raise PromptFileError(f"{where}: {place} has the id {own!r:.40}; an id is text")
    key = next((each for each in _ARGUMENTS if function.get(each) is not None), _ARGUMENTS[0])
    text, as_text = _arguments(function.get(key), where, f"{place}.{key}")
    read = {"name", key, "arguments"}
    rest = {"id", "type", "function"} if wrapped else {"id", "type", *read}
    further = {name: each for name, each in row.items() if name not in rest}
    if wrapped and (inside := {name: each for name, each in function.items() if name not in read}):
        further["function"] = inside
    kept = json_form(further, where, place) if further else {}
    call = ToolCall(
        name=json_form(name, where, place),
        arguments=text,
        id=json_form(own, where, place) or None,
        as_text=as_text,
    )
    return call, kept


def _arguments(value: Any, where: str, place: str) -> tuple[str, bool]:
    """Arguments as text, and whether they were text."""
    if isinstance(value, str):
        if not _is_json(value):
            _say_broken(where.partition(":")[0])
        return str(json_form(value, where, place)), True
    if value is None:
        return "{}", False
    if not isinstance(value, Mapping):
        raise PromptFileError(
            f"{where}: {place} is a {type(value).__name__}; it must be an object or JSON text"
        )
    return _written(json_form(value, where, place)), False


def _written(arguments: Any) -> str:
    """An object as text; what JSON has no number for is a ValueError."""
    return json.dumps(arguments, ensure_ascii=False, allow_nan=False)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


@cache
def _say_broken(source: str) -> None:
    """Once a file."""
    _log.warning("%s: some calls have arguments that are no JSON: kept as they were written", source)


def _row(call: ToolCall, further: Mapping[str, Any]) -> dict[str, Any]:
    inside = further.get("function")
    function = {"name": call.name, "arguments": arguments_of(call)}
    if isinstance(inside, Mapping):
        function |= dict(inside)
    row: dict[str, Any] = {} if call.id is None else {"id": call.id}
    row |= {"type": "function", "function": function}
    return row | {name: value for name, value in further.items() if name not in row}
