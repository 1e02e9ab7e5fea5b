"""Pairs and examples as token ids: what is read, what of it is learned, and in which contexts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

from rlaif.errors import ThresholdError

Ids = tuple[int, ...]
Mask = tuple[bool, ...]
"""Which ids are learned; empty: all."""


class Part(NamedTuple):
    """Ids that go on from a prompt."""

    ids: Ids
    learned: Mask = ()


class TokenPair(NamedTuple):
    """A pair as token ids. Each answer ends with the end token."""

    id: str
    prompt: Ids
    """What all that is read of the pair begins with."""
    chosen: Ids
    """What goes on from it, as the last turn is read: with it, and with the turns before it."""
    rejected: Ids
    label_prob: float
    weight: float
    score_gap: float | None = None
    principles: Mapping[str, float] = {}
    """Principle -> P(chosen better by it)."""
    cut: bool = False
    """Whether an answer has no end token, being cut off."""
    sampled: int = 0
    """How many of the two answers are the very ids that were sampled."""
    about: str = ""
    """The prompt that all is about, by `prompt_name`, by which pairs are set apart. Unknown: `prompt` itself."""
    chosen_parts: tuple[Part, ...] = ()
    """What is learned of the chosen side, where that is not all of `chosen`: a part for each context in which turns
    of it were written, for a template may show a later turn less of the earlier ones than they wrote."""
    rejected_parts: tuple[Part, ...] = ()
    thoughts: tuple[int, int] = (0, 0)
    """Tokens of the two sides' thoughts, marks included; of empty ones none."""


class TokenExample(NamedTuple):
    """An example as token ids; only `answer` is learned. It ends with the end token."""

    kind: str
    prompt: Ids
    answer: Ids
    weight: float = 1.0
    cut: bool = False
    parts: tuple[Part, ...] = ()
    """What is learned, where that is not all of `answer`; as `TokenPair.chosen_parts`."""
    thoughts: int = 0
    """Tokens of its thoughts."""
    taught: TokenExample | None = None
    """The same answer as a teacher reads it, behind the turns that it is shown; None where nobody asks a teacher."""


def shared(rows: Sequence[Ids]) -> Ids:
    """What all rows begin with."""
    if all(each == rows[0] for each in rows):
        return rows[0]
    same = takewhile(lambda ids: len(set(ids)) == 1, zip(*rows, strict=False))
    return tuple(ids[0] for ids in same)


def relative_weights(pairs: Sequence[TokenPair | TokenExample]) -> list[float]:
    """The rows' weights in units of their mean: the unit they came in does not count.

    Raises ThresholdError when all are zero.
    """
    mean = sum(pair.weight for pair in pairs) / len(pairs)
    if not mean > 0:
        raise ThresholdError(
            f"all {len(pairs)} rows have weight 0: nothing can be learned; set `weight` above 0"
        )
    return [pair.weight / mean for pair in pairs]
