"""Bytes of an answer as a JSON object, or why they are none. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from rlaif.engines.openai.error_text import SHOWN, error_text, said

NO_UNICODE = "the answer's bytes are no UTF-8, in which JSON is written"
HALF = "the answer holds half a character (a lone surrogate)"


class Body(NamedTuple):
    """A JSON object, or why there is none; `again` where another try may give one."""

    body: Mapping[str, Any]
    problem: str = ""
    again: bool = True


def read_body(whole: bytes) -> Body:
    """The JSON object of an answer with status 200."""
    if not whole.strip():
        return Body({}, "the server sent an empty answer")
    if whole.lstrip()[:6] in (b"data: ", b"data:{", b"event:"):
        # it would be one again
        return Body(
            {}, "the server sent a stream of events, and none was asked for (no `stream`)", again=False
        )
    try:
        body = json.loads(whole)
        # as an escape, as the bytes of one, or in an encoding of two bytes or four
        half = any(sign in whole for sign in (b"\\u", b"\xed", b"\0")) and _half(body)
    except UnicodeDecodeError:
        return Body({}, NO_UNICODE)
    except (ValueError, RecursionError):
        body, half = None, False
    if not isinstance(body, dict):
        return Body({}, f"the server sent what is no completion: {error_text(whole)[:SHOWN]}")
    return Body(body, HALF) if half else Body(body)


def stated_error(body: Mapping[str, Any]) -> tuple[str, int] | None:
    """The error that stands in an answer with status 200, and its code where that is a status; None: there is none."""
    told = body.get("error")
    bare = not body.get("choices") and (body.get("detail") or body.get("errors"))
    if not told and not bare and body.get("object") != "error":
        return None
    holder = told if isinstance(told, Mapping) else body
    return said(body) or "no reason", _status(holder.get("code")) or _status(holder.get("status"))


def _status(value: object) -> int:
    """A code that is the status of an error, else 0."""
    text = str(value) if isinstance(value, int | str) else ""
    return int(text) if len(text) == 3 and text.isascii() and text.isdecimal() and text[0] in "45" else 0


def _half(value: object) -> bool:
    """Whether any text in a JSON value holds a lone surrogate."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            if not one.isascii() and any("\ud800" <= each <= "\udfff" for each in one):
                return True
        elif isinstance(one, list):
            left += one
        elif isinstance(one, dict):
            left += one.keys()
            left += one.values()
    return False
