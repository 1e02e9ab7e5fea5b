"""Checks of propositions and ordered classes: every table refers to existing propositions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.documents import Document, Key
from rlaif.errors import ConstitutionError


def check_propositions(document: Document, propositions: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that each has `text` (asked of a judge) or `all` (a table over earlier propositions, so no circles).

    `propositions` are all by id, in order, the inherited ones first; one that is overridden keeps its place.
    """
    places = {entry["id"]: place for place, entry in enumerate(document.data.get("propositions", []))}
    known: list[str] = []
    for name, entry in propositions.items():
        if name in places:
            key: Key = ("propositions", places[name])
            if ("text" in entry) == ("all" in entry):
                raise ConstitutionError(
                    f"{document.where(key)}: proposition {name!r} needs either `text`, which a judge is asked, "
                    "or `all`, the propositions above it that it follows from"
                )
            _check_table(document, (*key, "all"), entry.get("all", {}), known, " above it")
        known.append(name)


def check_behaviors(document: Document, behaviors: Mapping[str, Any], propositions: Sequence[str]) -> None:
    """Check that `order` names each class once, and that each class has one table, or one per kind of answer."""
    if not behaviors:
        return
    order, classes = behaviors["order"], behaviors["classes"]
    if len(set(order)) != len(order) or set(order) != set(classes):
        at = document.where(("behaviors", "order"))
        raise ConstitutionError(f"{at}: `order` must name each of {', '.join(classes)} once; it has {order}")
    for name, table in classes.items():
        key: Key = ("behaviors", "classes", name)
        kinds = {kind: inner for kind, inner in table.items() if not isinstance(inner, bool)}
        if kinds and len(kinds) < len(table):
            raise ConstitutionError(
                f"{document.where(key)}: class {name!r} mixes propositions with tables for kinds of answer; "
                "use the one or the other"
            )
        for kind, inner in kinds.items():
            _check_table(document, (*key, kind), inner, propositions)
        if not kinds:
            _check_table(document, key, table, propositions)


def _check_table(
    document: Document, key: Key, table: Mapping[str, bool], known: Sequence[str], where: str = ""
) -> None:
    for name in table:
        if name not in known:
            there = ", ".join(known) or "none"
            raise ConstitutionError(
                f"{document.where((*key, name))}: {name!r} is no proposition{where}; there are: {there}"
            )
