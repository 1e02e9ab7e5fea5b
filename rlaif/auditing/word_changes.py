"""Texts changed word by word, for searches that only see how a text is scored: mutation and crossover. Pure.

A genetic search as in Alzantot et al. (1804.07998), without their demand that a text keep its meaning: what is looked
for is whatever scores high.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

_PIECE = re.compile(r"(?:[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+|[^\w\s])\s*|\s+")
"""A word, a sign, or one letter of a script that parts no words, with the blanks behind it."""
Pieces = Sequence[str]


def pieces(text: str) -> list[str]:
    """The words and signs of a text, each with the blanks behind it: joined they are the text."""
    return _PIECE.findall(text)


def salad(words: Pieces, count: int, rng: random.Random) -> list[str]:
    """So many of the words, drawn one by one: a text that says nothing but by chance."""
    return [rng.choice(words) for _ in range(count)]


def mutated(text: Pieces, words: Pieces, rng: random.Random) -> list[str]:
    """The text with one change: a word put in, left out or replaced, two exchanged, or a stretch of it doubled.

    Args:
        text: one piece or more.
        words: from which new ones are drawn.
        rng: decides.
    """
    found = list(text)
    place = rng.randrange(len(found)) if found else 0
    match rng.choice(("insert", "delete", "replace", "exchange", "double")) if found else "insert":
        case "delete" if len(found) > 1:
            del found[place]
        case "replace":
            found[place] = rng.choice(words)
        case "exchange":
            other = rng.randrange(len(found))
            found[place], found[other] = found[other], found[place]
        case "double":
            end = min(len(found), place + 1 + rng.randrange(4))
            found[place:place] = found[place:end]
        case _:
            found.insert(place, rng.choice(words))
    return found


def crossed(first: Pieces, second: Pieces, rng: random.Random) -> list[str]:
    """The beginning of one text and the end of another, cut at the same share of each."""
    share = rng.random()
    return [*first[: round(share * len(first))], *second[round(share * len(second)) :]]


def joined(text: Pieces) -> str:
    """The text of pieces: a word that was the last of its sentence gets its blank."""
    parts = [each if each[-1:].isspace() else f"{each} " for each in text]
    return re.sub(r"\s+([.,!?;:])", r"\1", "".join(parts)).strip()
