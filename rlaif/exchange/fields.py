"""Fields of other people's rows, checked: every complaint names the place, the column and the remedy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange.rows import Row
from rlaif.exchange.turns import prompt_turns, turns
from rlaif.records import Prompt


def mapping(row: Row) -> Mapping[str, Any]:
    """The row as an object. Raises PromptFileError."""
    if not isinstance(row.value, Mapping):
        raise PromptFileError(f"{row.where}: a row must be an object, not {type(row.value).__name__}")
    return row.value


def text(row: Row, column: str) -> str:
    """A column that holds text."""
    value = mapping(row).get(column)
    if not isinstance(value, str):
        raise PromptFileError(f"{row.where}: {column!r} must be text, not {type(value).__name__}")
    return turns(value, row.where, column, role="user")[0].content


def prompt(row: Row, column: str) -> Prompt:
    """A column that holds a prompt: text, or turns that end with the user's."""
    return Prompt(messages=prompt_turns(mapping(row).get(column), row.where, column))


def number(value: Any) -> float | None:
    """A cell's finite number, also where it stands there as text, as in a CSV; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and "_" in value:  # Python's own spelling
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def shown(value: Any) -> str:
    """A value for a message, shortened."""
    try:
        text = repr(value)
    except ValueError:  # a number of more digits than Python shows
        text = "a number of very many digits"
    return text if len(text) <= 60 else text[:57] + "..."


def one_of(row: Row, column: str, known: Sequence[Any]) -> Any:
    """A column with one of few values."""
    value = mapping(row).get(column)
    if isinstance(value, bool) or value not in known:
        listed = ", ".join(repr(each) for each in known)
        raise PromptFileError(f"{row.where}: {column!r} is {shown(value)}; it must be one of {listed}")
    return value


def texts(row: Row, column: str) -> list[str]:
    """A column that holds a list of texts, or one text."""
    value = mapping(row).get(column)
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed or not all(isinstance(each, str) for each in listed):
        raise PromptFileError(f"{row.where}: {column!r} must be a text or a list of texts")
    return listed
