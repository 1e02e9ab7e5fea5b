"""The text of a turn's content: text, or parts that are text; a part that is none is refused by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rlaif.errors import PromptFileError, UnkeptError
from rlaif.exchange.cells import json_form
from rlaif.exchange.columns import is_empty

_TEXTS: Mapping[str, str] = {
    **dict.fromkeys(("text", "input_text", "output_text"), "text"),
    "refusal": "refusal",
}
"""Kinds of part that are text, and the key that holds it."""
_THOUGHTS: Mapping[str, str] = {"thinking": "thinking", "reasoning": "text"}


class Content(NamedTuple):
    """What was said in a turn."""

    text: str
    thought: str = ""
    """Of parts that are one."""
    parts: Sequence[Any] = ()
    """The parts as they came, where they hold more than text."""


def read_content(content: Any, where: str, place: str) -> Content:
    """The text of a turn; parts that are text alone are joined, as servers and templates do.

    Raises UnkeptError for a part that is no text (a picture, a file), PromptFileError for what is no content.
    """
    if isinstance(content, str):
        return Content(sound(content, where, place))
    if content is None:
        raise PromptFileError(
            f"{where}: {place} has no content (null), and no call, thought or refusal in its place; write its text, or "
            "leave the turn out"
        )
    if not (isinstance(content, list) and content and all(isinstance(each, Mapping) for each in content)):
        raise PromptFileError(
            f"{where}: {place} has content of type {type(content).__name__}; only text can be read, write it as text"
        )
    texts: list[str] = []
    thoughts: list[str] = []
    for each in content:
        kind = each.get("type")
        if kind in _TEXTS and isinstance(each.get(_TEXTS[kind]), str):
            texts.append(sound(each[_TEXTS[kind]], where, place))
        elif kind in _THOUGHTS and (thought := _thought(each, where, place)) is not None:
            if texts:
                raise UnkeptError(
                    where, f"{place} thinks behind its text; a thought stands first", "leave out such rows"
                )
            thoughts.append(thought)
        elif isinstance(kind, str) and kind not in _TEXTS:
            raise UnkeptError(
                where,
                f"{place} has a part of type {kind!r:.40}; only text can be read",
                "leave out such rows",
            )
        else:
            raise PromptFileError(
                f"{where}: {place} has content that is no list of texts; only text can be read"
            )
    more = any(kind != "text" or any(not is_empty(each[key]) for key in each.keys() - {"type", "text"})
               for each in content if (kind := each["type"]))  # fmt: skip
    return Content("".join(texts), "".join(thoughts), json_form(content, where, place) if more else ())


def sound(text: str, where: str, place: str) -> str:
    """The text itself. Raises PromptFileError where it has no UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise PromptFileError(
            f"{where}: {place} holds half a character (a lone surrogate); mend it"
        ) from None
    return text


def _thought(part: Mapping[str, Any], where: str, place: str) -> str | None:
    """The text of a part that is a thought, None where it holds none."""
    value = part.get(_THOUGHTS[part["type"]])
    if isinstance(value, list) and all(isinstance(each, Mapping) for each in value):
        value = "".join(each["text"] if isinstance(each.get("text"), str) else "" for each in value) or None
    return sound(value, where, place) if isinstance(value, str) else None
