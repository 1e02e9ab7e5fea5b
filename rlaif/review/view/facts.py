"""Everything that made a run as rows that people read: in parts, steps by name, times as dates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from rlaif.review.numbers import moment, span
from rlaif.runs.spent import TOOK

_TIMES = ("started", "finished")
_PARTS = {
    "config": "Configuration",
    "card": "What it was trained on",
    "figures": "Figures at the end",
    "summary": "What came of it",
    "versions": "Versions",
    "templates": "Digests of the texts that models were asked with",
    "files": "Digests of its files",
}
"""Keys of a record that are a part of their own, in this order."""
FOLDED = ("summary", "templates", "files")
MOST_LISTED = 8


class FactPart(NamedTuple):
    """A part of the page: its title, whether it is folded, and its rows."""

    title: str
    folded: bool
    rows: list[tuple[str, str]]


def parts_of(facts: Mapping[str, Any]) -> list[FactPart]:
    """The parts of a record; what is in none of them stands first, with its times as dates."""
    own = {key: value for key, value in facts.items() if key not in _PARTS}
    first = [row for key, value in own.items() for row in _timed(key, value)]
    found = [FactPart("The run", False, first)]
    for key, title in _PARTS.items():
        if value := facts.get(key):
            found.append(FactPart(title, key in FOLDED, list(leaves(value))))
    return [each for each in found if each.rows]


def _timed(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if key in _TIMES and isinstance(value, int | float):
        yield key, moment(value)
    elif key in (TOOK, "seconds") and isinstance(value, int | float):
        yield "took", span(value)
    else:
        yield from leaves(value, key)


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Leaves by their paths; a step of a recipe by its place and name: `round.2 judge.protocol`."""
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            yield from leaves(each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
        for place, each in enumerate(value, 1):
            step = f" {each['step']}" if "step" in each else ""
            yield from leaves(each, f"{name}.{place}{step}")
    elif isinstance(value, list) and len(value) > MOST_LISTED:
        yield name, f"{len(value)} entries"
    else:
        yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
