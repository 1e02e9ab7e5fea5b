"""Rubrics in words: the lines that a model writes, and those that it is shown. Pure.

What is not a rubric in the form that was asked for is none: it is counted, and nothing is put in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from rlaif.judging.parse import refuses
from rlaif.records import RubricCriterion

MOST = 40
"""Lines of which a rubric may be, at most: more is a model that does not stop."""
LARGEST = 5.0
_LINE = re.compile(
    r"(?:[-*•]\s+|\d+[.)]\s+)?[*_`\"]*([-−–+]?\s?\d+(?:\.\d+)?)\s*(hard)?[*_`\"]*\s*:[*_`]*\s*(\S.*?)[\"`*_]*",
    re.IGNORECASE,
)
_FENCE = re.compile(r"```[a-z]*\n(.*?)\n?```", re.DOTALL)


class RubricReading(NamedTuple):
    """The criteria of a text, or why it holds none; and how many of them said what one before had said."""

    criteria: tuple[RubricCriterion, ...]
    problem: str = ""
    refused: bool = False
    merged: int = 0


def read_rubric(text: str, source: str) -> RubricReading:
    """The criteria of lines `3: The response ...`, `-3: ...` and `5 hard: ...`, and of no other text.

    `source` is what each of them says as its source.
    """
    bare = text.strip()
    fenced = _FENCE.fullmatch(bare)
    lines = [each.strip() for each in (fenced[1] if fenced else bare).splitlines() if each.strip()]
    if not lines:
        return RubricReading((), "it is empty")
    if len(lines) > MOST:
        return RubricReading((), f"it has {len(lines)} lines, and {MOST} are the most")
    found: list[RubricCriterion] = []
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            return RubricReading(
                (), f"a line is no weight, colon and statement: {line[:60]!r}", refuses(bare)
            )
        weight = float(match[1].replace("−", "-").replace("–", "-").replace(" ", ""))
        if not 0 < abs(weight) <= LARGEST:
            return RubricReading((), f"a weight is {weight:g}; they are from 1 to {LARGEST:g}")
        found.append(
            RubricCriterion(
                id="", text=match[3].strip(), weight=weight, hard=match[2] is not None, source=source
            )
        )
    signs = {(_said(each.text), each.weight > 0) for each in found}
    if len({text for text, _ in signs}) < len(signs):
        return RubricReading((), "a statement is a merit in one line and a fault in another")
    kept = merged(found)
    return RubricReading(kept, merged=len(found) - len(kept))


def merged(criteria: Iterable[RubricCriterion]) -> tuple[RubricCriterion, ...]:
    """The criteria without those that say what one before them says, letter case and stops apart, with ids by place.

    An id that is there stays. Of two that say the same the one of the greater weight stays, and is hard where one is.
    """
    found: dict[str, RubricCriterion] = {}
    for each in criteria:
        key = _said(each.text)
        same = found.get(key, each)
        heavier = each if abs(each.weight) > abs(same.weight) else same
        found[key] = replace(heavier, hard=each.hard or same.hard)
    taken = {each.id for each in found.values() if each.id}
    free = (name for number in range(1, MOST * 4) if (name := f"c{number}") not in taken)
    return tuple(each if each.id else replace(each, id=next(free)) for each in found.values())


def rubric_lines(criteria: Iterable[RubricCriterion]) -> str:
    """Criteria as a model writes them: what `read_rubric` reads."""
    return "\n".join(
        f"{each.weight:g}{' hard' if each.hard else ''}: {' '.join(each.text.split())}" for each in criteria
    )


def _said(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
