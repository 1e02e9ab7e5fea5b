"""Judge texts to verdicts. Pure: every odd reply a judge has sent is a row of the test table.

Only the last line decides: what stands above it is reasoning, and may quote whom it likes.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

VERSION = 1
"""Raised when equal replies are read differently; in the provenance of every pair."""

_LABEL = re.compile(r"\banswer\b\W{0,6}?:\W*(?:response\s+)?(\w+)", re.IGNORECASE)
_FINAL = re.compile(
    r"\banswer\b\W{0,6}?:[\s*_\[\](){}\"'`]*(?:response\s+)?([AB])[\s*_\[\](){}\"'`.!]*$", re.IGNORECASE
)
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
