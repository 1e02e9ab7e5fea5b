"""What a format of preferences is: how its rows become pairs, and how pairs become its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from rlaif.errors import UnkeptError
from rlaif.exchange.columns import Columns
from rlaif.exchange.rows import Row
from rlaif.records import Message, Pair


class Found(NamedTuple):
    """What came of a row: a pair, or why it makes none; and where it stood."""

    where: str
    what: Pair | str | UnkeptError
    left: Sequence[str] = ()
    """Columns that were not read."""


Read = Callable[[Iterator[Row]], Iterator[Found]]
Write = Callable[[Pair], Sequence[Mapping[str, Any]]]
"""Rows of a pair; none where the format cannot hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format. What it cannot do is None."""

    name: str
    shape: str
    """A row in a few words, for messages and pages."""
    recognises: Callable[[Mapping[str, Any]], bool] | None = None
    """Whether a row is in this format, by its columns."""
    read: Read | None = None
    write: Write | None = None


def each_row(one: Callable[[Row], Pair | str]) -> Read:
    """The reader of a format in which every row stands alone."""

    def read(rows: Iterator[Row]) -> Iterator[Found]:
        for row in rows:
            yield found(row, one)

    return read


def found(row: Row, one: Callable[[Row], Pair | str]) -> Found:
    """What `one` makes of a row, with the columns that it left; a column with a meaning costs the row."""
    if not isinstance(row.value, Mapping):
        return Found(row.where, one(row))
    values = Columns(row.value)
    try:
        what = one(Row(row.where, values))
        return Found(row.where, what, values.finished(row.where) if isinstance(what, Pair) else ())
    except UnkeptError as unkept:
        return Found(row.where, unkept)


def said(text: str) -> tuple[Message, ...]:
    """An answer as the assistant's one turn."""
    return (Message(role="assistant", content=text),)


def single(turns: Sequence[Message]) -> tuple[str | None, str] | None:
    """System text and user text of a prompt that has no more than these; None of any other."""
    match [(each.role, each.content) for each in turns]:
        case [("user", asked)]:
            return None, asked
        case [("system", system), ("user", asked)]:
            return system, asked
        case _:
            return None


def named(formats: Iterable[Format]) -> str:
    """Names, for messages."""
    return ", ".join(each.name for each in formats)
