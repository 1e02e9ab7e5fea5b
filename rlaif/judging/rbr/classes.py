"""Ordered classes of answers: which one an answer is in, how likely, and whether the tables are fit for that. Pure.

Rule-based rewards, arXiv 2411.01111: propositions, and classes as conjunctions over them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from rlaif.errors import ConstitutionError
from rlaif.judging.rbr.tables import Leaf, Table, Truths, asked_in, cases
from rlaif.records import Constitution, Principle, Prompt

ONE_KIND = "all"
"""The kind of answer where a constitution has but one."""
MAX_CASES = 20_000
"""Cases of one kind of answer; tables that need more are beyond what a person can check."""


class Placed(NamedTuple):
    """Where an answer belongs: `name`, or no one class and all that are possible (none of them: a gap)."""

    name: str | None
    possible: tuple[str, ...]
    problem: str
    """Empty, `none` (no class holds), `several`, or `unknown` (it depends on what could not be read)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """The classes of one kind of answer, the best first."""

    kind: str
    order: tuple[str, ...]
    tables: Mapping[str, Table]
    derived: Mapping[str, Table]
    source: str = ""

    @property
    def asked(self) -> tuple[str, ...]:
        """The propositions that a class depends on, in the order in which the tables name them."""
        tables = (self.tables[name] for name in self.order)
        return tuple(dict.fromkeys(each for table in tables for each in asked_in(table, self.derived)))

    def place(self, truths: Truths) -> Placed:
        """The class of an answer of which `truths` are known."""
        holding = {leaf.holding for leaf in self._cases(self._own(truths))}
        possible = tuple(name for name in self.order if any(name in each for each in holding))
        if len(holding) > 1:
            return Placed(None, possible, "unknown")
        if len(possible) != 1:
            return Placed(None, possible, "several" if possible else "none")
        return Placed(possible[0], possible, "")

    def probabilities(self, shares: Mapping[str, float]) -> dict[str, float]:
        """P(class), each proposition being true with the probability in `shares`, and all independent.

        Exact: the sum over the cases of a decision tree, not a product over a class's own table. They add up to 1.
        Raises ConstitutionError where the tables have a gap or overlap, KeyError where a share is missing.
        """
        found = dict.fromkeys(self.order, 0.0)
        wanted = {name: shares[name] for name in self.asked}
        for leaf in self._cases({}):
            if len(leaf.holding) != 1:
                raise ConstitutionError(self._slip(leaf))
            weight = 1.0
            for name, true in leaf.truths.items():
                weight *= wanted[name] if true else 1 - wanted[name]
            found[leaf.holding[0]] += weight
        return found

    def slips(self) -> list[str]:
        """A message for each gap and overlap: a case that is in no class, or in several."""
        return [self._slip(leaf) for leaf in self._cases({}) if len(leaf.holding) != 1]

    def draw(self, name: str, rng: random.Random) -> Mapping[str, bool]:
        """One case of class `name`, each as likely as any other; propositions that are not in it are free."""
        leaves = [leaf for leaf in self._cases({}) if leaf.holding == (name,)]
        if not leaves:
            raise ConstitutionError(
                f"{self.source}: {self.kind}: no answer can be in class {name!r} alone; mend it"
            )
        return rng.choice(leaves).truths

    def _own(self, truths: Truths) -> Truths:
        return {name: truths.get(name) for name in self.asked}

    def _cases(self, truths: Truths) -> Iterator[Leaf]:
        found = cases({name: self.tables[name] for name in self.order}, self.derived, truths)
        yield from islice(found, MAX_CASES)
        if next(found, None) is not None:
            raise ConstitutionError(
                f"{self.source}: {self.kind}: the tables come to over {MAX_CASES:,} cases; make classes simpler"
            )

    def _slip(self, leaf: Leaf) -> str:
        case = ", ".join(f"{name}: {str(true).lower()}" for name, true in leaf.truths.items()) or "anything"
        where = f"{self.source}: {self.kind}"
        if not leaf.holding:
            return f"{where}: an answer with {case} is in no class; let one class take it"
        return (
            f"{where}: an answer with {case} is in {' and '.join(leaf.holding)}; let only one class take it"
        )


def classes_of(constitution: Constitution) -> dict[str, Classes]:
    """The classes of each kind of answer; one kind, `all`, where the tables name none.

    Raises ConstitutionError where there are no classes.
    """
    if not constitution.behaviors:
        raise ConstitutionError(
            f"{constitution.source}: has no `behaviors`; rules need propositions and ordered classes over them"
        )
    order: Sequence[str] = constitution.behaviors["order"]
    by_class = {name: _kinds(constitution.behaviors["classes"][name]) for name in order}
    kinds = dict.fromkeys(kind for tables in by_class.values() for kind in tables if kind != ONE_KIND)
    by_kind: dict[str, dict[str, Table]] = {kind: {} for kind in kinds or [ONE_KIND]}
    for kind, tables in by_kind.items():
        for name, own in by_class.items():
            # a table that names no kind is meant for every kind that others name
            if (table := own.get(kind, own.get(ONE_KIND))) is not None:
                tables[name] = table
    derived = _derived(constitution)
    return {
        kind: Classes(
            kind=kind,
            order=tuple(name for name in order if name in tables),
            tables=tables,
            derived=derived,
            source=constitution.source,
        )
        for kind, tables in by_kind.items()
    }


def _derived(constitution: Constitution) -> dict[str, Table]:
    """Derived propositions by id; overriding one of a constitution that is extended can make a circle."""
    above: set[str] = set()
    for each in constitution.propositions:
        if later := sorted(each.get("all", {}).keys() - above):
            raise ConstitutionError(
                f"{constitution.source}: proposition {each['id']!r} uses {later[0]!r}, which is not above it; "
                "put it below what it uses"
            )
        above.add(each["id"])
    return {each["id"]: each["all"] for each in constitution.propositions if "all" in each}


def questions_of(constitution: Constitution) -> tuple[Principle, ...]:
    """The propositions that a judge is asked, as a checklist has them; derived ones are worked out, not asked."""
    return tuple(
        Principle(id=each["id"], text=each["text"]) for each in constitution.propositions if "text" in each
    )


def kind_of(prompt: Prompt, kinds: Mapping[str, object]) -> str | None:
    """The kind of answer that a prompt wants: the one tag of it that names a kind, None where none or several do."""
    if tuple(kinds) == (ONE_KIND,):
        return ONE_KIND
    named = [tag for tag in dict.fromkeys(prompt.tags) if tag in kinds]
    return named[0] if len(named) == 1 else None


def _kinds(table: Mapping[str, Any]) -> Mapping[str, Table]:
    """The tables by kind; one that names no kind, even an empty one, which always holds, is of `ONE_KIND`."""
    nested = {kind: inner for kind, inner in table.items() if not isinstance(inner, bool)}
    return nested or {ONE_KIND: table}
