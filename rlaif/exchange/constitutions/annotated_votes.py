"""Annotated pairs, version 2 (icai): comparisons with one vote a principle, in JSON.

A principle is an annotator; its votes become the principle's tests, and tests become votes again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rlaif.exchange.constitutions.parts import (
    came_from,
    foreign_key,
    not_held,
    own_id,
    refuse,
)
from rlaif.exchange.format import ReadConstitution, WrittenConstitution
from rlaif.hashing import digest
from rlaif.records import Constitution, Principle, PrincipleTest

NAME = "annotated-pairs"
VERSION = "2.0"
_AUTHOR = "own-tests"
_OTHER = {"a": "b", "b": "a"}
Sides = tuple[str, str, str]
"""Prompt, better and worse text without the blanks around them: what a test and a vote have in common."""
Votes = dict[Sides, None]
"""An ordered set."""


def recognises(values: Any) -> bool:
    """Whether this is such a file."""
    return isinstance(values, dict) and {"annotators", "comparisons"} <= values.keys()


def read(values: Any, name: str, place: str) -> ReadConstitution:
    """A principle for each annotator of type `principle`; what else the file holds is kept in `origin`."""
    _check(values, place)
    principles: list[Principle] = []
    keys: dict[str, str] = {}
    for key, entry in values["annotators"].items():
        if entry.get("type") != "principle":
            continue
        text = entry.get("description")
        if not isinstance(text, str) or not text.strip():
            refuse(f"{place}: annotators.{key}", "a principle needs a `description`")
        here = own_id(key, [each.id for each in principles])
        if here != key:
            keys[here] = key
        tests = tuple(_tests(values["comparisons"], key))
        principles.append(Principle(id=here, text=text.strip(), tests=tests))
    if not principles:
        refuse(
            f"{place}: annotators",
            "none has the type `principle`; there is nothing to make a constitution of",
        )
    origin = {"format": NAME} | ({"keys": keys} if keys else {}) | {"file": values}
    constitution = Constitution(
        name=name, version="0.1.0-dev", title=name, principles=tuple(principles), origin=origin
    )
    count = sum(len(each.tests) for each in principles)
    return ReadConstitution(
        constitution, (f"{count} votes became tests: keep the clear ones, and see `check`",)
    )


def first(values: Any, count: int) -> Any:
    """The file with its first `count` comparisons only."""
    return {**values, "comparisons": values["comparisons"][:count]}


def write(constitution: Constitution) -> WrittenConstitution:
    """Principles as annotators, and their tests as votes on comparisons."""
    if not constitution.principles:
        refuse(constitution.source or constitution.name, f"has no principles, and {NAME} holds nothing else")
    kept = constitution.origin["file"] if came_from(constitution, NAME) else _empty(constitution)
    votes = {foreign_key(constitution, each.id): _votes(each) for each in constitution.principles}
    comparisons = [_voted(each, kept["annotators"], votes) for each in kept["comparisons"]]
    rest = {key: _unsaid(key, tests, comparisons) for key, tests in votes.items()}
    made = _further(rest, len(comparisons), own=_AUTHOR in kept["annotators"])
    written = {
        **kept,
        "annotators": _annotators(constitution, kept["annotators"]),
        "comparisons": [*comparisons, *made],
    }
    return WrittenConstitution(written, tuple(not_held(constitution, {"principles", "tests"})))


def _check(values: Any, place: str) -> None:
    version = str(_mapping(values.get("metadata", {}), f"{place}: metadata").get("version", ""))
    if version.partition(".")[0] != "2":
        refuse(f"{place}: metadata", f"is version {version or '(none)'}; annotated pairs 2.x are read")
    for key, entry in _mapping(values["annotators"], f"{place}: annotators").items():
        _mapping(entry, f"{place}: annotators.{key}")
    if not isinstance(values["comparisons"], list):
        refuse(f"{place}: comparisons", "must be a list")
    for number, each in enumerate(values["comparisons"]):
        at = f"{place}: comparisons[{number}]"
        for side in ("response_a", "response_b"):
            response = _mapping(_mapping(each, at).get(side), f"{at}.{side}")
            if not isinstance(response.get("text"), str):
                refuse(f"{at}.{side}", "needs a `text`")
        for key, vote in _mapping(each.get("annotations", {}), f"{at}.annotations").items():
            if _mapping(vote, f"{at}.annotations.{key}").get("pref") not in ("a", "b", None):
                refuse(f"{at}.annotations.{key}", f"`pref` must be a, b or null, not {vote['pref']!r}")


def _mapping(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        refuse(place, f"must be a mapping, not {type(value).__name__}")
    return value


def _sides(comparison: Mapping[str, Any], pref: str) -> Sides | None:
    """What a vote says, or None where a text is blank and no test can say it."""
    texts = (
        comparison.get("prompt"),
        comparison[f"response_{pref}"]["text"],
        comparison[f"response_{_OTHER[pref]}"]["text"],
    )
    if not all(isinstance(each, str) and each.strip() for each in texts):
        return None
    prompt, better, worse = (str(each).strip() for each in texts)
    return None if better == worse else (prompt, better, worse)


def _tests(comparisons: list[dict[str, Any]], key: str) -> Iterator[PrincipleTest]:
    for each in comparisons:
        if sides := _said(each, key):
            yield PrincipleTest(prompt=sides[0], better=sides[1], worse=sides[2])


def _said(comparison: Mapping[str, Any], key: str) -> Sides | None:
    pref = comparison.get("annotations", {}).get(key, {}).get("pref")
    return None if pref is None else _sides(comparison, pref)


def _votes(principle: Principle) -> Votes:
    # a comparison has a text for a prompt, no turns
    return {(each.prompt, each.better, each.worse): None for each in principle.tests if not each.before}


def _voted(
    comparison: Mapping[str, Any], annotators: Mapping[str, Any], votes: Mapping[str, Votes]
) -> dict[str, Any]:
    """A kept comparison with its votes as the principles' tests have them now."""
    if "annotations" not in comparison:
        return dict(comparison)
    kept = {}
    for key, vote in comparison["annotations"].items():
        if annotators.get(key, {}).get("type") != "principle":
            kept[key] = vote
        elif key in votes and (now := _vote(comparison, vote, votes[key])) is not None:
            kept[key] = now
    return {**comparison, "annotations": kept}


def _vote(comparison: Mapping[str, Any], vote: dict[str, Any], tests: Votes) -> dict[str, Any] | None:
    """The vote as it is, turned around, or None, as the principle's tests have it."""
    pref = vote.get("pref")
    if pref is None or (sides := _sides(comparison, pref)) is None or sides in tests:
        return vote
    return {**vote, "pref": _OTHER[pref]} if _sides(comparison, _OTHER[pref]) in tests else None


def _unsaid(key: str, tests: Votes, comparisons: Sequence[dict[str, Any]]) -> Votes:
    """The tests that no comparison holds yet; one that has their texts is given the vote."""
    said = {_said(each, key) for each in comparisons}
    rest = {sides: None for sides in tests if sides not in said}
    for each in comparisons:
        for side in "ab":
            sides = _sides(each, side)
            if sides in rest and key not in each.get("annotations", {}):
                each["annotations"] = each.get("annotations", {}) | {key: {"pref": side}}
                del rest[sides]
    return rest


def _further(rest: Mapping[str, Votes], start: int, *, own: bool) -> Iterator[dict[str, Any]]:
    """New comparisons for the rest of the tests; which side is called `a` does not tell the better one."""
    texts = dict.fromkeys((sides[0], *sorted(sides[1:])) for tests in rest.values() for sides in tests)
    for number, (prompt, one, other) in enumerate(texts, start):
        name = digest("comparison", prompt, one, other)
        a, b = (one, other) if int(name[-1], 16) % 2 else (other, one)
        annotations: dict[str, Any] = {
            key: {"pref": "a" if (prompt, a, b) in tests else "b"}
            for key, tests in rest.items()
            if (prompt, a, b) in tests or (prompt, b, a) in tests
        }
        if own:
            annotations = {_AUTHOR: _agreed(annotations)} | annotations
        yield {
            "id": name.removeprefix("b2:")[:8],
            "prompt": prompt,
            "response_a": {"text": a, "model": "unknown"},
            "response_b": {"text": b, "model": "unknown"},
            "annotations": annotations,
            "metadata": {"index": str(number)},
        }


def _agreed(votes: Mapping[str, Mapping[str, str]]) -> dict[str, str | None]:
    prefs = {each["pref"] for each in votes.values()}
    return (
        {"pref": prefs.pop()} if len(prefs) == 1 else {"pref": None, "no_pref_reason": "principles_disagree"}
    )


def _annotators(constitution: Constitution, kept: Mapping[str, Any]) -> dict[str, Any]:
    texts = {foreign_key(constitution, each.id): each.text for each in constitution.principles}
    found = {}
    for key, entry in kept.items():
        if entry.get("type") != "principle":
            found[key] = entry
        elif key in texts:
            same = entry["description"].strip() == texts[key]
            found[key] = entry if same else {**entry, "description": texts[key]}
    fresh = {
        key: {"description": text, "type": "principle"} for key, text in texts.items() if key not in kept
    }
    return {**found, **fresh}


def _empty(constitution: Constitution) -> dict[str, Any]:
    changed = os.path.getmtime(constitution.source) if os.path.isfile(constitution.source) else 0
    return {
        "metadata": {
            "version": VERSION,
            "description": constitution.title,
            "created_at": datetime.fromtimestamp(int(changed), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "dataset_name": f"{constitution.name} {constitution.version} ({constitution.digest})",
            "default_annotator": _AUTHOR,
            "available_metadata_keys_per_comparison": ["index"],
        },
        "annotators": {
            _AUTHOR: {
                "name": "own tests",
                "description": "The side that the constitution's own tests call better",
                "type": "unknown",
            }
        },
        "comparisons": [],
    }
