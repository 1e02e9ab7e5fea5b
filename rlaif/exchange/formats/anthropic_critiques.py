"""The critique and revision requests of Constitutional AI (2212.08073), as its authors publish them.

A JSON object `{key: {"prompt": [critique request], "edit_request": revision request}}`.
"""

from __future__ import annotations

import re
from typing import Any

from rlaif.exchange.constitutions.parts import (
    Framed,
    foreign_key,
    framed,
    json_text,
    kept_frame,
    not_held,
    own_id,
    refuse,
)
from rlaif.exchange.format import ConstitutionFormat, Format, ReadConstitution, WrittenConstitution
from rlaif.records import Constitution, Principle

NAME = "anthropic-critiques"
CRITIQUE = ("\n\nCritiqueRequest: ", "\n\nCritique:")
REVISE = ("\n\nRevisionRequest: ", "\n\nRevision:")
_KEYS = {"prompt", "edit_request"}
_CRITIQUE = re.compile(r"(\s*CritiqueRequest:\s*)(.*?)(\s*Critique:\s*)", re.DOTALL)
_REVISE = re.compile(r"(\s*RevisionRequest:\s*)(.*?)(\s*Revision:\s*)", re.DOTALL)
_TEXT = "A careful critic of the response has nothing to report on this request: {request}"


def recognises(values: Any) -> bool:
    """Whether this is such a file."""
    return (
        isinstance(values, dict)
        and bool(values)
        and all(isinstance(each, dict) and _KEYS & each.keys() for each in values.values())
    )


def read(values: Any, name: str, place: str) -> ReadConstitution:
    """A principle for each entry. The file has no sentence to compare by: the critique request is made into one."""
    principles: list[Principle] = []
    frames: dict[str, dict[str, list[str]]] = {}
    keys: dict[str, str] = {}
    for key, entry in values.items():
        critique, revise = _requests(entry, f"{place}: {key}")
        here = own_id(key, [each.id for each in principles])
        if here != key:
            keys[here] = key
        unusual = {
            field: text.frame
            for field, text, usual in (("critique", critique, CRITIQUE), ("revise", revise, REVISE))
            if text.frame != list(usual)
        }
        if unusual:
            frames[here] = unusual
        text = _TEXT.format(request=critique.core)
        principles.append(Principle(id=here, text=text, critique=critique.core, revise=revise.core))
    origin = {"format": NAME} | ({"keys": keys} if keys else {}) | ({"frames": frames} if frames else {})
    constitution = Constitution(
        name=name, version="0.1.0-dev", title=name, principles=tuple(principles), origin=origin
    )
    note = "the file has no sentence to compare by: each `text` is made from the critique request; reword it"
    return ReadConstitution(constitution, (note,))


def write(constitution: Constitution) -> WrittenConstitution:
    """The principles that have both requests."""
    entries, without = {}, []
    for each in constitution.principles:
        if each.critique is None or each.revise is None:
            without.append(each.id)
            continue
        head, tail = kept_frame(constitution, each.id, "critique", CRITIQUE)
        before, after = kept_frame(constitution, each.id, "revise", REVISE)
        entries[foreign_key(constitution, each.id)] = {
            "prompt": [head + each.critique + tail],
            "edit_request": before + each.revise + after,
        }
    if not entries:
        refuse(
            constitution.source or constitution.name,
            f"no principle has both `critique` and `revise`, and {NAME} holds nothing else; write them, "
            "or choose another --format",
        )
    left_out = not_held(constitution, {"principles", "critiques", "revisions"})
    missing = f"principles without both `critique` and `revise`: {', '.join(without)}"
    return WrittenConstitution(
        entries, tuple([missing] * bool(without) + ["the texts to compare by", *left_out])
    )


def _requests(entry: dict[str, Any], place: str) -> tuple[Framed, Framed]:
    if other := sorted(entry.keys() - _KEYS):
        refuse(place, f"unknown key {other[0]!r}; known keys: edit_request, prompt")
    if missing := sorted(_KEYS - entry.keys()):
        refuse(place, f"lacks {missing[0]!r}; add it")
    prompt = entry["prompt"]
    if not isinstance(prompt, list) or len(prompt) != 1:
        refuse(place, "`prompt` must be a list of one text")
    return (
        framed(prompt[0], _CRITIQUE, f"{place}: prompt"),
        framed(entry["edit_request"], _REVISE, f"{place}: edit_request"),
    )


FORMAT = Format(
    name=NAME,
    help="critique and revision requests of Constitutional AI (CritiqueRevisionInstructions.json)",
    loses="principles without a critique and a revision; weights, tags, tests",
    constitution=ConstitutionFormat(recognises=recognises, read=read, write=write, text=json_text, rank=10),
)
