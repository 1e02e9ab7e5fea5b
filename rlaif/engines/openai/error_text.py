"""What a server says is wrong, in one line without secrets, whatever form it has. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rlaif.secrets import cleaned

MOST = 2000
"""Characters of a message that are looked at for what the server refuses."""
SHOWN = 300
"""Characters of a message that are shown."""
READ = 8192
"""Bytes of an error that are read."""
_WORDS = (
    "message",
    "msg",
    "detail",
    "details",
    "description",
    "reason",
    "title",
    "raw",
    "metadata",
    "error",
    "errors",
)
"""Fields in which servers put their words, the telling ones first."""
_FURTHER = ("param", "code", "type", "status")
"""Fields that name what is refused, or the kind of error."""
_DEEPEST = 6
_EACH = 3
"""Entries of a list of errors that are told."""
_TITLE = re.compile(r"<(title|h1)[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_PAGE = re.compile(r"\s*<(?:!doctype|html|head|\?xml|body)", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")


def error_text(whole: bytes) -> str:
    """The message in the body of an error: of JSON its words, of a page its title, else its beginning."""
    text = whole[:READ].decode("utf-8", "replace")
    if _PAGE.match(text):
        found = _TITLE.search(text)
        title = _TAG.sub(" ", found[2]) if found else ""
        return one_line(f"a web page {title!r}" if title.strip() else "a web page")
    try:
        return said(json.loads(whole)) or one_line(text)
    except (ValueError, RecursionError):
        return one_line(text)


def said(body: object) -> str:
    """The message of an error that is JSON; empty where it has none."""
    if isinstance(body, Mapping):
        first = next((body[name] for name in ("error", "errors", "detail") if body.get(name)), body)
        words = "; ".join(dict.fromkeys(_words(first, 0))) or "; ".join(dict.fromkeys(_words(body, 0)))
        further = [str(each) for each in _further(first if isinstance(first, Mapping) else body)]
        more = ", ".join(dict.fromkeys(each for each in further if each.lower() not in words.lower()))
        return one_line(f"{words} ({more})" if words and more else words or more)
    return one_line("; ".join(_words(body, 0)))


def one_line(text: str) -> str:
    """A text from outside as a part of one message: cleaned, on one line, without control characters or halves."""
    plain = text[:READ].encode("utf-8", "replace").decode("utf-8")
    printed = "".join(each if each.isprintable() else " " for each in plain)
    return cleaned(" ".join(printed.split()))[:MOST]


def _words(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield from _unwrapped(value, depth)
    elif isinstance(value, list) and depth < _DEEPEST:
        for each in value[:_EACH]:
            yield from _words(each, depth + 1)
    elif isinstance(value, Mapping) and depth < _DEEPEST:
        place = ".".join(map(str, where)) if isinstance(where := value.get("loc"), list) else ""
        told = [word for name in _WORDS if name in value for word in _words(value[name], depth + 1)]
        yield from (f"{place}: {each}" if place else each for each in told)


def _unwrapped(text: str, depth: int) -> Iterator[str]:
    """A message, or those inside it: gateways pass on the JSON of the server behind them as a string."""
    if text.lstrip()[:1] in ("{", "[") and depth < _DEEPEST:
        try:
            found = list(_words(json.loads(text), depth + 1))
        except (ValueError, RecursionError):
            found = []
        if found:
            yield from found
            return
    if text.strip():
        yield text


def _further(value: Mapping[str, Any]) -> Iterator[str | int]:
    for name in _FURTHER:
        if isinstance(told := value.get(name), str) and told:
            yield told
    inner = value.get("innererror") or value.get("inner_error")
    if isinstance(inner, Mapping) and isinstance(told := inner.get("code"), str):
        yield told
