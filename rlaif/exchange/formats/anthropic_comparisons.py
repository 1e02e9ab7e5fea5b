"""The comparison instructions of Constitutional AI (2212.08073): a JSON list of `instruction Options:` texts."""

from __future__ import annotations

import re
from typing import Any

from rlaif.exchange.constitutions.parts import (
    came_from,
    framed,
    json_text,
    kept_frame,
    not_held,
    refuse,
)
from rlaif.exchange.format import ConstitutionFormat, Format, ReadConstitution, WrittenConstitution
from rlaif.records import Constitution, Principle

NAME = "anthropic-comparisons"
USUAL = ("\n", " Options:")
# a rule of ours is a statement; the file holds instructions
OURS = ("\nChoose the response that follows this rule better: ", " Options:")
_PATTERN = re.compile(
    r"(\s*(?:Choose the response that follows this rule better: )?)(.*?)(\s*Options:\s*)", re.DOTALL
)


def recognises(values: Any) -> bool:
    """Whether this is such a file."""
    return (
        isinstance(values, list)
        and bool(values)
        and all(isinstance(each, str) for each in values)
        and any(each.rstrip().endswith("Options:") for each in values)
    )


def read(values: Any, name: str, place: str) -> ReadConstitution:
    """A principle for each instruction."""
    texts = [framed(each, _PATTERN, f"{place}: entry {number}") for number, each in enumerate(values)]
    principles = tuple(
        Principle(id=f"instruction{number}", text=each.core) for number, each in enumerate(texts)
    )
    frames = {
        principle.id: {"text": text.frame}
        for principle, text in zip(principles, texts, strict=True)
        if text.frame != list(USUAL)
    }
    origin = {"format": NAME} | ({"frames": frames} if frames else {})
    constitution = Constitution(
        name=name, version="0.1.0-dev", title=name, principles=principles, origin=origin
    )
    return ReadConstitution(constitution, ())


def write(constitution: Constitution) -> WrittenConstitution:
    """Return the principles' texts, as the file lists them, with what the format cannot hold."""
    if not constitution.principles:
        refuse(constitution.source or constitution.name, f"has no principles, and {NAME} holds nothing else")
    usual = USUAL if came_from(constitution, NAME) else OURS
    texts = []
    for each in constitution.principles:
        head, tail = kept_frame(constitution, each.id, "text", usual)
        texts.append(head + each.text + tail)
    left_out = not_held(constitution, {"principles"})
    return WrittenConstitution(
        texts, tuple(left_out if came_from(constitution, NAME) else ["the ids", *left_out])
    )


FORMAT = Format(
    name=NAME,
    help="comparison instructions of Constitutional AI (RLMadisonInstructions.json)",
    loses="all but the principles' texts",
    constitution=ConstitutionFormat(recognises=recognises, read=read, write=write, text=json_text, rank=20),
)
