"""Judge texts to verdicts. Pure: every odd reply a judge has sent is a row of the test table.

Only the last line decides: what stands above it is reasoning, and may quote whom it likes.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

VERSION = 1
"""Raised when equal text is read differently: a reading names the parser that made it."""

_LABEL = re.compile(r"\banswer\b\W{0,6}?:\W*(?:response\s+)?(\w+)", re.IGNORECASE)
_FINAL = re.compile(
    r"\banswer\b\W{0,6}?:[\s*_\[\](){}\"'`]*(?:response\s+)?([AB])[\s*_\[\](){}\"'`.!]*$", re.IGNORECASE
)
_RATING = re.compile(
    r"\b(?:answer|rating|score)\b\W{0,6}?:[\s*_\[\]()]*([1-5])(?:\s*/\s*5)?[\s*_\[\]().!]*$", re.IGNORECASE
)
_LETTERS = re.compile(r"[\s,>]*([A-Z](?:[\s,>]+[A-Z])*)[\s.]*")
_REFUSALS = re.compile(
    r"\s*(?:i'?m sorry\b|sorry,|i apologi[sz]e|i (?:can(?:no|')?t|cannot|am (?:not able|unable)|won'?t|will not)\b"
    r"|as an ai\b)",
    re.IGNORECASE,
)


class Verdict(NamedTuple):
    """A or B, or why there is none."""

    label: Literal["A", "B"] | None
    problem: str = ""
    refused: bool = False


def parse_verdict(text: str) -> Verdict:
    """The verdict of a text that ends in `Answer: A` or `Answer: B`."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return Verdict(None, "the answer is empty")
    said = {each.upper() for each in _LABEL.findall(lines[-1])}
    found = _FINAL.search(lines[-1])
    if found is None:
        refused = not said and _REFUSALS.match(text) is not None
        return Verdict(None, "the last line does not end in `Answer: A` or `Answer: B`", refused)
    if len(said) > 1:
        return Verdict(None, "the last line gives two answers")
    return Verdict("A" if found[1].upper() == "A" else "B")


def parse_rating(text: str) -> int | None:
    """The number from 1 to 5 that the last line ends in, as `Answer: 4` or alone; None if there is none."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    last = lines[-1].strip()
    if last in {"1", "2", "3", "4", "5"}:
        return int(last)
    found = _RATING.search(last)
    return int(found[1]) if found else None


def parse_ranking(text: str, count: int) -> tuple[int, ...] | None:
    """Places of `count` responses, the best first, of a text such as `B D A C`; None unless each is named once."""
    found = _LETTERS.fullmatch(text)
    if found is None:
        return None
    places = [ord(letter) - ord("A") for letter in re.findall(r"[A-Z]", found[1])]
    return tuple(places) if sorted(places) == list(range(count)) else None
