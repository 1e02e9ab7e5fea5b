"""Judge texts to verdicts. Pure: every odd reply a judge has sent is a row of the test table.

Only the last line decides: what stands above it is reasoning, and may quote whom it likes. Where a line above it is
the other verdict and nothing else, the reply gives two, and none counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

VERSION = 3
"""Raised when equal replies are read differently; in the provenance of every pair."""

_LABEL = re.compile(r"\banswer\b\W{0,6}?:\W*(?:response\s+)?(\w+)", re.IGNORECASE)
_FINAL = re.compile(
    r"\banswer\b\W{0,6}?:[\s*_\[\](){}\"'`]*(?:response\s+)?([AB])[\s*_\[\](){}\"'`.!]*$", re.IGNORECASE
)
# a line of its own; one that is quoted (`> Answer: A`, in backticks) is whoever's it was
_WHOLE_LINE = re.compile(
    r"[\s*_#]*(?:(?:my|the|final)\s+)*answer[\s*_]*:[\s*_\[\](){}]*(?:response\s+)?([AB])[\s*_\[\](){}.!]*",
    re.IGNORECASE,
)
_REFUSALS = re.compile(
    r"\s*(?:i'?m sorry\b|sorry,|i apologi[sz]e|i (?:can(?:no|')?t|cannot|am (?:not able|unable)|won'?t|will not)\b"
    r"|as an ai\b)",
    re.IGNORECASE,
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_OPENS = re.compile(r"<(think|thinking|reasoning)>", re.IGNORECASE)
_CLOSES = re.compile(r"</(?:think|thinking|reasoning)>", re.IGNORECASE)
_BETWEEN_LETTERS = re.compile(r"[\s,;>.\-*\[\]()]+")


class Verdict(NamedTuple):
    """A or B, or why there is none."""

    label: Literal["A", "B"] | None
    problem: str = ""
    refused: bool = False


class Ranking(NamedTuple):
    """Places in the list that was shown, the best first, or why there is none."""

    order: tuple[int, ...] | None
    problem: str = ""
    refused: bool = False


def said(text: str) -> str | None:
    """What a judge says when it has thought, invisible characters left out; None where it never stops thinking.

    Some chat templates open the thinking themselves, so that a reply only closes it.
    """
    text = _INVISIBLE.sub("", text)
    closes = list(_CLOSES.finditer(text))
    rest = text[closes[-1].end() :] if closes else text
    return None if _OPENS.search(rest) else rest


def refuses(text: str) -> bool:
    """Whether a text without any verdict reads as a refusal to judge."""
    return _REFUSALS.match(text) is not None


def parse_verdict(text: str) -> Verdict:
    """The verdict of a text that ends in `Answer: A` or `Answer: B`."""
    text_said = said(text)
    if text_said is None:
        return Verdict(None, "the answer ends while it is still thinking")
    lines = [line for line in text_said.splitlines() if line.strip()]
    if not lines:
        return Verdict(None, "the answer is empty")
    labels = {each.upper() for each in _LABEL.findall(lines[-1])}
    found = _FINAL.search(lines[-1])
    if found is None:
        refused = not labels and refuses(text_said)
        return Verdict(None, "the last line does not end in `Answer: A` or `Answer: B`", refused)
    if len(labels) > 1:
        return Verdict(None, "the last line gives two answers")
    label: Literal["A", "B"] = "A" if found[1].upper() == "A" else "B"
    alone = (_WHOLE_LINE.fullmatch(each) for each in _unfenced(lines[:-1]))
    if any(each and each[1].upper() != label for each in alone):
        return Verdict(None, "a line above the last one gives the other answer")
    return Verdict(label)


def _unfenced(lines: list[str]) -> Iterator[str]:
    """The lines outside of fences, which hold what somebody else wrote."""
    inside = False
    for line in lines:
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside:
            yield line


def parse_ranking(text: str, count: int) -> Ranking:
    """The order of `count` letters from A, each once, and nothing else on the last line (`B > A > D > C`)."""
    text_said = said(text)
    if text_said is None:
        return Ranking(None, "the answer ends while it is still thinking")
    lines = [line for line in text_said.splitlines() if line.strip()]
    if not lines:
        return Ranking(None, "the answer is empty")
    last = re.sub(r"^\W*(?:final\s+)?(?:answer|ranking)\W*:", "", lines[-1].strip(), flags=re.IGNORECASE)
    letters = [each for each in _BETWEEN_LETTERS.split(last) if each]
    known = [chr(ord("A") + place) for place in range(count)]
    if sorted(letters) != known:
        return Ranking(None, f"the last line does not name {' '.join(known)} once each", refuses(text_said))
    return Ranking(tuple(known.index(each) for each in letters))
