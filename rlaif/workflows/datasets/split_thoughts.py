"""Thoughts that stand inside the texts of other people's data, between a model's marks, taken out on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from rlaif.engines.thoughts import split_unknown
from rlaif.records import Message, Pair


class SplitPairs(NamedTuple):
    """Pairs with the thoughts of their turns apart."""

    pairs: list[Pair]
    turns: int
    """In how many turns a thought was found."""


def marked(pairs: Sequence[Pair]) -> int:
    """How many answers begin with a thought between marks, as text."""
    return sum(_split(side[-1]) is not side[-1] for pair in pairs for side in (pair.chosen, pair.rejected))


def with_thoughts(pairs: Sequence[Pair]) -> SplitPairs:
    """The pairs with each marked thought at the beginning of an assistant's text as that turn's thought."""
    found = [
        replace(
            pair,
            prompt=tuple(map(_split, pair.prompt)),
            chosen=tuple(map(_split, pair.chosen)),
            rejected=tuple(map(_split, pair.rejected)),
        )
        for pair in pairs
    ]
    both = zip(pairs, found, strict=True)
    turns = sum(_thoughts(after) - _thoughts(before) for before, after in both)
    return SplitPairs(found, turns)


def _split(turn: Message) -> Message:
    """The turn itself where it has a thought of its own, or its text no whole one: a text that only thinks is text."""
    if turn.role != "assistant" or turn.thought:
        return turn
    found = split_unknown(turn.content)
    if not found.thought or found.open:
        return turn
    return replace(turn, content=found.answer, thought=found.thought)


def _thoughts(pair: Pair) -> int:
    return sum(bool(turn.thought) for turn in (*pair.prompt, *pair.chosen, *pair.rejected))
