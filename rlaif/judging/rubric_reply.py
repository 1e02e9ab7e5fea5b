"""A judge's list of yes and no to the criteria of a rubric, line by line. Pure."""

from __future__ import annotations

import re

from rlaif.judging.labels import CallReading
from rlaif.judging.own_words import own_lines
from rlaif.judging.parse import STILL_THINKING, refuses, said
from rlaif.records import State

_LINE = re.compile(r"[\s*_-]*(\d{1,3})[\s*_]*[:.)][\s*_]*(yes|no)[\s*_]*[.!]?[\s*_]*", re.IGNORECASE)


def read_list(text: str, count: int) -> tuple[CallReading, dict[int, float]]:
    """How the whole list reads, and what was said of each of `count` statements, by its number from 1.

    Lines `3: yes`. A number that is given both words, or none, says nothing of its statement; one that there is not
    makes the whole list unreadable, for nobody knows then what the others are about.
    """
    text_said = said(text)
    if text_said is None:
        return CallReading(State.UNREADABLE, detail=STILL_THINKING), {}
    lines = [_LINE.fullmatch(each or "") for each in own_lines(text_said)]
    if not any(lines):
        state = State.JUDGE_REFUSED if refuses(text_said) else State.UNREADABLE
        return CallReading(state, detail="no line is a number, a colon, and yes or no"), {}
    heard: dict[int, set[str]] = {}
    for each in lines:
        if each is not None:
            heard.setdefault(int(each[1]), set()).add(each[2].lower())
    if strange := [number for number in heard if not 1 <= number <= count]:
        return CallReading(State.UNREADABLE, detail=f"it answers statement {strange[0]} of {count}"), {}
    clear = {number: float("yes" in words) for number, words in heard.items() if len(words) == 1}
    if not clear:
        return CallReading(State.UNREADABLE, detail="every statement has both answers"), {}
    return CallReading(State.SCORE, 1.0), clear
