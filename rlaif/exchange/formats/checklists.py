"""Checklists of reinforcement learning from checklist feedback (RLCF, 2507.18624): requirements of one prompt each.

Rows of `{"instruction": ..., "requirements": [[question, importance from 0 to 100], ...]}`. A requirement is a
principle that applies to the prompt's own tag; the prompts come as a prompt set with these tags.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.exchange.constitutions.parts import came_from, json_lines, not_held, refuse
from rlaif.exchange.format import (
    ConstitutionFormat,
    Format,
    PromptsBeside,
    ReadConstitution,
    WrittenConstitution,
)
from rlaif.records import Constitution, Message, Principle, Prompt

NAME = "checklists"
ASKS = "The answer to this question about the response is yes: "
"""Before a question, so that a judge can compare by it."""
FULL = 100.0
"""The importance of weight 1."""
_ASKED = ("instruction", "prompt")


class _Requirement(NamedTuple):
    id: str
    tag: str
    text: str
    weight: float


def recognises(values: object) -> bool:
    """Whether this is such a file."""
    return (
        isinstance(values, list)
        and bool(values)
        and all(isinstance(each, Mapping) and "requirements" in each for each in values)
    )


def read(rows: Sequence[Mapping[str, Any]], name: str, place: str) -> ReadConstitution:
    """A principle for each requirement, which applies to prompts with the tag of its row."""
    found = [one for number, row in enumerate(rows, 1) for one in _requirements(row, number, place)]
    if not found:
        refuse(place, "no row has a requirement; there is nothing to make a constitution of")
    constitution = Constitution(
        name=name,
        version="0.1.0-dev",
        title=name,
        principles=tuple(_principle(each) for each in found),
        origin={"format": NAME, "rows": [dict(row) for row in rows]},
    )
    note = (
        f"{len(found)} requirements of {len(rows)} prompts: each applies to the tag of its prompt; --prompts FILE "
        "writes the prompts with these tags. A prompt without tags would be judged by all of them"
    )
    return ReadConstitution(constitution, (note,))


def write(constitution: Constitution) -> WrittenConstitution:
    """The rows as they came, with the requirements as they are now."""
    place = constitution.source or constitution.name
    if not came_from(constitution, NAME):
        refuse(place, f"{NAME} holds requirements of single prompts, and a constitution names no prompt")
    now = {each.id: each for each in constitution.principles}
    rows = []
    for number, row in enumerate(constitution.origin["rows"], 1):
        kept = [
            raw if _same(was, principle := now.pop(was.id)) else [_words(principle), principle.weight * FULL]
            for was, raw in zip(_requirements(row, number, place), row["requirements"], strict=True)
            if was.id in now
        ]
        rows.append({**row, "requirements": kept})
    further = [f"principles of no row: {', '.join(now)}"] if now else []
    held = {"principles", "weights", "applies_to"}
    return WrittenConstitution(rows, (*further, *not_held(constitution, held)))


def first(rows: Sequence[Mapping[str, Any]], count: int) -> Sequence[Mapping[str, Any]]:
    """The first so many rows."""
    return rows[:count]


def prompts(rows: Sequence[Mapping[str, Any]], path: Path) -> PromptsBeside:
    """The prompts, each tagged with its row."""
    found = (
        Prompt(
            messages=(Message(role="user", content=_asked(row, f"{path}: row {number}")),),
            tags=(_tag(number),),
        )
        for number, row in enumerate(rows, 1)
    )
    return PromptsBeside(tuple(found))


def _tag(number: int) -> str:
    return f"row-{number}"


def _asked(row: Mapping[str, Any], place: str) -> str:
    key = next((each for each in _ASKED if each in row), "")
    text = row.get(key)
    if not isinstance(text, str) or not text.strip():
        refuse(place, "has no `instruction`; write the prompt that its requirements are of")
    return text


def _requirements(row: Mapping[str, Any], number: int, place: str) -> Iterator[_Requirement]:
    at = f"{place}: row {number}"
    _asked(row, at)
    if not isinstance(row["requirements"], list):
        refuse(at, "`requirements` must be a list of [question, importance]")
    for count, entry in enumerate(row["requirements"], 1):
        text, importance = entry if isinstance(entry, list) and len(entry) == 2 else (entry, FULL)
        if not isinstance(text, str) or not text.strip():
            refuse(f"{at}: requirement {count}", "must be a text, or [question, importance]")
        if (
            isinstance(importance, bool)
            or not isinstance(importance, (int, float))
            or not 0 <= importance <= FULL
        ):
            refuse(f"{at}: requirement {count}", f"importance {importance!r} is no number from 0 to 100")
        yield _Requirement(f"{_tag(number)}.{count}", _tag(number), text.strip(), importance / FULL)


def _principle(each: _Requirement) -> Principle:
    text = ASKS + each.text if each.text.endswith("?") else each.text
    return Principle(id=each.id, text=text, weight=each.weight, applies_to=(each.tag,))


def _same(was: _Requirement, principle: Principle) -> bool:
    return (_principle(was).text, was.weight) == (principle.text, principle.weight)


def _words(principle: Principle) -> str:
    return principle.text.removeprefix(ASKS)


FORMAT = Format(
    name=NAME,
    help="checklists of RLCF, rows of `instruction` and `requirements`",
    loses="all but the requirements of prompts that came from such a file",
    constitution=ConstitutionFormat(
        recognises=recognises,
        read=read,
        write=write,
        text=json_lines,
        take=first,
        prompts=prompts,
        rank=70,
    ),
)
