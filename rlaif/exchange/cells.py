"""Values of tables that JSON does not have, in the form in which they are kept: dates, decimals, bytes, maps."""

from __future__ import annotations

import base64
import datetime
import math
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rlaif.errors import PromptFileError

MAX_DEPTH = 200
"""Levels of a value that is kept."""


def json_form(value: Any, where: str, column: str) -> Any:
    """The value as JSON can hold it, at every level; equal to itself where it is JSON already.

    Dates and times are ISO 8601 text, a span is its seconds, a decimal and a UUID are text, bytes are text where they
    are UTF-8 and `{"base64": ...}` elsewhere, a map is an object. NaN is nothing, an infinity is its name.

    Raises:
        PromptFileError: half a character, a value nested without end, or one of another kind.
    """
    return _form(value, where, column, 0)


def _form(value: Any, where: str, column: str, depth: int) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return _sound(value, where, column)
    if isinstance(value, float):
        return value if math.isfinite(value) else None if value != value else str(value)
    if depth > MAX_DEPTH:
        raise PromptFileError(
            f"{where}: column {column!r} is nested more than {MAX_DEPTH} deep; write it flatter"
        )
    if isinstance(value, Mapping):
        return {
            _sound(str(name), where, column): _form(item, where, column, depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        if _is_map(value):
            return {name: _form(item, where, column, depth + 1) for name, item in value}
        return [_form(item, where, column, depth + 1) for item in value]
    return _other(value, where, column, depth)


def _other(value: Any, where: str, column: str, depth: int) -> Any:
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal | uuid.UUID):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes(bytes(value))
    if callable(listed := getattr(value, "tolist", None)):  # arrays and numbers of numpy
        return _form(listed(), where, column, depth + 1)
    raise PromptFileError(
        f"{where}: column {column!r} holds a {type(value).__name__}, which JSON has not; write it as text"
    )


def _bytes(value: bytes) -> Any:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode("ascii")}
    return text if "\0" not in text else {"base64": base64.b64encode(value).decode("ascii")}


def _is_map(value: Any) -> bool:
    """Whether it is a map as Arrow gives one: pairs, whose first is a name that stands once."""
    if not value or not all(isinstance(each, tuple) and len(each) == 2 for each in value):
        return False
    names = [name for name, _ in value]
    return all(isinstance(name, str) for name in names) and len({*names}) == len(names)


def _sound(text: str, where: str, column: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise PromptFileError(
            f"{where}: column {column!r} holds half a character (a lone surrogate); mend it"
        ) from None
    return text
