"""What a format of preferences is: how its rows become pairs, and how pairs become its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from rlaif.exchange.rows import Row
from rlaif.records import Message, Pair


class Found(NamedTuple):
    """What came of a row: a pair, or why it makes none; and where it stood."""

    where: str
    what: Pair | str


Read = Callable[[Iterator[Row]], Iterator[Found]]
Write = Callable[[Pair], Sequence[Mapping[str, Any]]]
"""Rows of a pair; none where the format cannot hold it."""
EVEN = 0.5
"""The probability that prefers neither side."""


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
            yield Found(row.where, one(row))

    return read


def said(text: str) -> tuple[Message, ...]:
    """An answer as the assistant's one turn."""
    return (Message(role="assistant", content=text),)


def upright(pair: Pair) -> Pair:
    """The pair with the side first that is the likelier one to be better: most formats hold an order and no more."""
    if pair.label_prob >= EVEN:
        return pair
    models = pair.provenance.get("policy") or ()
    return replace(
        pair,
        chosen=pair.rejected,
        rejected=pair.chosen,
        label_prob=1 - pair.label_prob,
        score_gap=None if pair.score_gap is None else -pair.score_gap,
        chosen_score=pair.rejected_score,
        rejected_score=pair.chosen_score,
        principles=tuple(
            {**each, "p": None if each["p"] is None else 1 - each["p"]} for each in pair.principles
        ),
        critique=None,  # it was of the side that is now the chosen one
        provenance={**pair.provenance, "policy": models[::-1]} if models else pair.provenance,
    )


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
