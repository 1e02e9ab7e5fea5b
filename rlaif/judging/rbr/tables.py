"""Conjunctions over propositions of which some may be unknown. Three values, and no guess among them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

Table = Mapping[str, bool]
"""Propositions that must be true, or false, all of them."""
Truths = Mapping[str, bool | None]
"""What is known of propositions; None, or absent, is unknown."""


def holds(table: Table, truths: Truths) -> bool | None:
    """Whether all of `table` is as it says; None while that depends on what is unknown (Kleene's conjunction)."""
    unknown = False
    for name, wanted in table.items():
        value = truths.get(name)
        if value is None:
            unknown = True
        elif value != wanted:
            return False
    return None if unknown else True


def with_derived(derived: Mapping[str, Table], truths: Truths) -> dict[str, bool | None]:
    """`truths` and what follows from them; each derived proposition may use those above it."""
    known = dict(truths)
    for name, table in derived.items():
        known[name] = holds(table, known)
    return known


def asked_in(table: Table, derived: Mapping[str, Table]) -> Iterator[str]:
    """The propositions that a judge is asked, behind those that `table` names; some may come twice."""
    for name in table:
        if name in derived:
            yield from asked_in(derived[name], derived)
        else:
            yield name


class Leaf(NamedTuple):
    """A case: propositions that are settled, and which tables hold in it whatever the others are."""

    truths: Mapping[str, bool]
    holding: tuple[str, ...]


def cases(tables: Mapping[str, Table], derived: Mapping[str, Table], truths: Truths) -> Iterator[Leaf]:
    """All cases that `truths` leave open, none twice: each asks only what still decides one of the tables.

    The cases are those of a decision tree, so they exclude each other and cover everything.
    """
    open_cases: list[dict[str, bool]] = [{name: value for name, value in truths.items() if value is not None}]
    while open_cases:
        case = open_cases.pop()
        known = with_derived(derived, case)
        values = {name: holds(table, known) for name, table in tables.items()}
        undecided = next((name for name, value in values.items() if value is None), None)
        if undecided is None:
            yield Leaf(case, tuple(name for name, value in values.items() if value))
            continue
        question = next(name for name in asked_in(tables[undecided], derived) if _matters(name, known))
        open_cases += [{**case, question: False}, {**case, question: True}]


def _matters(name: str, known: Truths) -> bool:
    return known.get(name) is None
