"""Written yes or no: a text that ends in `Answer: yes` or `Answer: no`. Pure."""

from __future__ import annotations

import re

from rlaif.judging.labels import CallReading
from rlaif.judging.own_words import own_lines
from rlaif.judging.parse import STILL_THINKING, announced_otherwise, refuses, said
from rlaif.records import State

_MARKS = r"[\s*_#>`\"'()\[\]{}]*"
_LINE = re.compile(
    r"[\s*_#]*(?:(?:my|the|so|final)\s+)*(?:answer|verdict)[\s*_]*[:=]"
    rf"{_MARKS}(yes|no){_MARKS}[.!]?{_MARKS}",
    re.IGNORECASE,
)
_BARE = re.compile(r"[\s*_\"'`]*(yes|no)[\s*_\"'`]*[.!]?[\s*_]*", re.IGNORECASE)


def read_yes_no(text: str) -> CallReading:
    """1 for yes, 0 for no. The last line decides; the same line above it with the other word makes it unreadable.

    A text of one word is that word. What is quoted (`> Answer: no`, in a fence) is whoever's it was.
    """
    text_said = said(text)
    if text_said is None:
        return CallReading(State.UNREADABLE, detail=STILL_THINKING)
    lines = own_lines(text_said)
    if not lines:
        return CallReading(State.UNREADABLE, detail="the answer is empty")
    last = lines[-1] or ""
    found = _LINE.fullmatch(last) or (_BARE.fullmatch(last) if len(lines) == 1 else None)
    if found is None:
        state = State.JUDGE_REFUSED if refuses(text_said) else State.UNREADABLE
        return CallReading(state, detail="the last line is not `Answer: yes` or `Answer: no`")
    word = found[1].lower()
    if announced_otherwise(lines):
        return CallReading(
            State.UNREADABLE, detail="the line above says that it is not the judge's own answer"
        )
    others = {each[1].lower() for line in lines[:-1] if line is not None and (each := _LINE.fullmatch(line))}
    if others - {word}:
        return CallReading(State.UNREADABLE, detail="a line above the last one gives the other answer")
    return CallReading(State.SCORE, float(word == "yes"))
