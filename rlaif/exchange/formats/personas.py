"""Personas of open character training (2511.01689): rows of a trait in the first person and questions that show it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.exchange.constitutions.markdown import slug
from rlaif.exchange.constitutions.parts import came_from, framed, json_lines, not_held, own_id, refuse
from rlaif.exchange.format import (
    ConstitutionFormat,
    Format,
    PromptsBeside,
    ReadConstitution,
    WrittenConstitution,
)
from rlaif.records import Constitution, Message, Principle, Prompt

NAME = "personas"
SAYS = "The response fits an assistant that says of itself: "
"""Before a trait, which is in the first person, where a judge compares by it."""
_QUESTIONS = ("questions", "additional_questions")
_KNOWN = ("trait", *_QUESTIONS, "clarification")
_PLAIN = re.compile(r"(\s*)(.*?)(\s*)", re.DOTALL)


def recognises(values: object) -> bool:
    """Whether this is such a file: rows with questions and a trait, or with one of the two."""
    return (
        isinstance(values, list)
        and bool(values)
        and all(isinstance(each, Mapping) for each in values)
        # rows that have all but their traits are told what they lack
        and (any("trait" in each for each in values) or all(set(each) <= set(_KNOWN) for each in values))
        and all("trait" in each or "questions" in each for each in values)
    )


def read(rows: Sequence[Mapping[str, Any]], name: str, place: str) -> ReadConstitution:
    """A principle for each trait."""
    ids = _ids(rows, place)
    constitution = Constitution(
        name=name,
        version="0.1.0-dev",
        title=name,
        principles=tuple(_principle(row, one, place) for one, row in zip(ids, rows, strict=True)),
        origin={"format": NAME, "rows": [dict(row) for row in rows]},
    )
    return ReadConstitution(constitution, tuple(_notes(rows)))


def write(constitution: Constitution) -> WrittenConstitution:
    """The rows as they came, with the traits as they are now; new principles have no questions."""
    if not constitution.principles:
        refuse(constitution.source or constitution.name, f"has no principles, and {NAME} holds nothing else")
    place = constitution.source or constitution.name
    rows = constitution.origin["rows"] if came_from(constitution, NAME) else []
    now = {each.id: each for each in constitution.principles}
    written = []
    for one, row in zip(_ids(rows, place), rows, strict=True):
        if (principle := now.pop(one, None)) is not None:
            same = _principle(row, one, place).text == principle.text
            written.append(row if same else {**row, "trait": _trait(principle)})
    written += [{"trait": _trait(each), "questions": []} for each in now.values()]
    return WrittenConstitution(written, tuple(not_held(constitution, {"principles"})))


def prompts(rows: Sequence[Mapping[str, Any]], path: Path) -> PromptsBeside:
    """The questions, each with the ids of its traits as tags."""
    tags: dict[str, list[str]] = {}
    for one, row in zip(_ids(rows, str(path)), rows, strict=True):
        for key in _QUESTIONS:
            for question in row.get(key, ()):
                tags.setdefault(question.strip(), []).append(one)
    found = tuple(
        Prompt(messages=(Message(role="user", content=text),), tags=tuple(dict.fromkeys(of)))
        for text, of in tags.items()
    )
    repeated = sum(len(of) - 1 for of in tags.values())
    return PromptsBeside(
        found, (f"{repeated} questions stand twice, and are one prompt",) if repeated else ()
    )


def _ids(rows: Sequence[Mapping[str, Any]], place: str) -> list[str]:
    ids: list[str] = []
    for number, row in enumerate(rows, 1):
        at = f"{place}: persona row {number}"
        if not isinstance(trait := row.get("trait"), str) or not trait.strip():
            refuse(at, "has no `trait`; write what the model says of itself")
        for key in _QUESTIONS:
            asked = row.get(key, [])
            if not isinstance(asked, list) or not all(
                isinstance(each, str) and each.strip() for each in asked
            ):
                refuse(at, f"`{key}` must be a list of texts that are not blank")
        ids.append(own_id(slug(trait), ids))
    return ids


def _principle(row: Mapping[str, Any], name: str, place: str) -> Principle:
    return Principle(id=name, text=SAYS + framed(row["trait"], _PLAIN, f"{place}: {name}").core)


def _trait(principle: Principle) -> str:
    return principle.text.removeprefix(SAYS)


def _notes(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield f"a judge reads each trait after the words {SAYS!r}; reword them if you mean otherwise"
    asked = sum(len(row.get(key, ())) for row in rows for key in _QUESTIONS)
    yield f"{asked} questions are prompts: --prompts FILE writes them, tagged with their trait"
    if other := list(dict.fromkeys(str(key) for row in rows for key in row if key not in _KNOWN)):
        yield f"kept and not used: {', '.join(other)}"


FORMAT = Format(
    name=NAME,
    help="personas of open character training, rows of `trait` and `questions`",
    loses="all but the texts of principles",
    constitution=ConstitutionFormat(
        recognises=recognises, read=read, write=write, text=json_lines, prompts=prompts, rank=60
    ),
)
