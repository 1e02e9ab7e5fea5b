"""Written yes or no: a text that ends in `Answer: yes` or `Answer: no`. Pure."""

from __future__ import annotations

import re

from rlaif.judging.labels import CallReading
from rlaif.judging.parse import refuses, said
from rlaif.records import State

_MARKS = r"[\s*_#>`\"'()\[\]{}]*"
_LINE = re.compile(
    r"[\s*_#]*(?:(?:my|the|so|final)\s+)*(?:answer|verdict)[\s*_]*[:=]"
    rf"{_MARKS}(yes|no){_MARKS}[.!]?{_MARKS}",
    re.IGNORECASE,
)
_BARE = re.compile(r"[\s*_\"'`]*(yes|no)[\s*_\"'`]*[.!]?[\s*_]*", re.IGNORECASE)
_FENCE = re.compile(r"\s*(```|~~~)")


def read_yes_no(text: str) -> CallReading:
    """1 for yes, 0 for no. The last line decides; the same line above it with the other word makes it unreadable.

    A text of one word is that word. What is quoted (`> Answer: no`, in a fence) is whoever's it was.
    """
    text_said = said(text)
    if text_said is None:
        return CallReading(State.UNREADABLE, detail="the answer ends while it is still thinking")
    lines = _own([line for line in text_said.splitlines() if line.strip()])
    if not lines:
        return CallReading(State.UNREADABLE, detail="the answer is empty")
    found = _LINE.fullmatch(lines[-1]) or (_BARE.fullmatch(lines[0]) if len(lines) == 1 else None)
    if found is None:
        state = State.JUDGE_REFUSED if refuses(text_said) else State.UNREADABLE
        return CallReading(state, detail="the last line is not `Answer: yes` or `Answer: no`")
    word = found[1].lower()
    others = {each[1].lower() for line in lines[:-1] if (each := _LINE.fullmatch(line))}
    if others - {word}:
        return CallReading(State.UNREADABLE, detail="a line above the last one gives the other answer")
    return CallReading(State.SCORE, float(word == "yes"))


def _own(lines: list[str]) -> list[str]:
    """Lines that the judge says itself: outside of fences, and not quoted. A fence that never closes hides the rest."""
    kept, inside = [], ""
    for line in lines:
        mark = _FENCE.match(line)
        if mark and (not inside or mark[1] == inside):
            inside = "" if inside else mark[1]
            kept.append("")
        elif not inside and not line.lstrip().startswith(">"):
            kept.append(line)
        else:
            kept.append("")
    return kept
