"""What the pages over all runs show: the list, two runs compared, the constitutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.review import charts
from rlaif.review.sample import BeforeAfter
from rlaif.review.view import compared
from rlaif.review.view.calls import before_and_after
from rlaif.review.view.catalogue import RunCard
from rlaif.review.view.live import came_to, list_stamp
from rlaif.review.view.overview import applied_rows
from rlaif.review.view.rules import RuleBook
from rlaif.review.view.shared_samples import shared_samples
from rlaif.review.view.viewer import Viewer, address, query

PAGE_SIZE = 100
UNFINISHED = ("running", "interrupted")
SAMPLES = 6
"""Prompts that a comparison shows with both answers."""


def runs(viewer: Viewer, chosen: Mapping[str, str]) -> dict[str, Any]:
    """The runs that pass the search, a page of them."""
    cards = viewer.catalogue.cards()
    text, kind, status = (chosen.get(name, "")[:200] for name in ("text", "kind", "status"))
    words = text.lower().split()
    found = [
        each
        for each in cards
        if all(word in each.text for word in words)
        and (not kind or each.kind == kind)
        and (not status or each.status == status)
    ]
    page = max(1, int(number) if (number := chosen.get("page", "")).isdecimal() and len(number) < 7 else 1)
    pages = max(1, -(-len(found) // PAGE_SIZE))
    return {
        "rows": [
            (each, address(each), _spark(each), came_to(each) if each.status in UNFINISHED else "")
            for each in found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        ],
        "count": len(found),
        "total": len(cards),
        "text": text,
        "kind": kind,
        "status": status,
        "kinds": sorted({each.kind for each in cards if each.kind}),
        "statuses": sorted({each.status for each in cards}),
        "page": page,
        "pages": pages,
        "earlier": query(text=text, kind=kind, status=status, page=page - 1),
        "later": query(text=text, kind=kind, status=status, page=page + 1),
        "stamp": list_stamp(cards),
    }


def _spark(card: RunCard) -> str:
    name = next(
        (
            each
            for each in ("gold_mean", "judge_mean")
            if card.rounds and card.rounds[0].get(each) is not None
        ),
        "",
    )
    values = [row.get(name) for row in card.rounds] if name else []
    return charts.spark(values, f"{name.partition('_')[0]} by round")


def compare(viewer: Viewer, chosen: Mapping[str, str]) -> dict[str, Any]:
    """Two runs beside each other; of none chosen, the one that began last and the last of its kind before it."""
    cards = [each for each in viewer.catalogue.cards() if each.status != "unreadable"]
    names = {each.name: each for each in cards}
    one, other = _chosen_two(cards, names.get(chosen.get("a", "")), names.get(chosen.get("b", "")))
    found: dict[str, Any] = {"cards": cards, "one": one, "other": other}
    if one is None or other is None:
        return found
    differences = compared.differences(one, other)
    return {
        **found,
        "figures": compared.figures(one, other),
        "differences": compared.of_both(differences),
        "alone": [each for each in differences if None in (each.one, each.other)],
        "charts": compared.curves(one, other),
        "principles": charts.changes(compared.principle_rows(one, other), names=(one.name, other.name)),
        "samples": _samples(viewer, one, other),
        "instead": _instead(one, other),
        "links": (address(one), address(other)),
        "swap": query(a=other.name, b=one.name),
    }


def _samples(viewer: Viewer, one: RunCard, other: RunCard) -> list[BeforeAfter]:
    """Both answers to the same prompts: from the files of the runs, and from what the store holds of both policies.

    Of samplings and evaluations their own answers come first, of policies those to held-out prompts.
    """

    def of_files() -> list[BeforeAfter]:
        return shared_samples(one, other, (viewer.samples_of(one), viewer.samples_of(other)), SAMPLES)

    def of_store() -> list[BeforeAfter]:
        policies = compared.newest_policy(one), compared.newest_policy(other)
        return before_and_after(viewer.store(other.path), *policies, SAMPLES)

    alike = one.command == other.command and not one.rounds
    return (of_files() or of_store()) if alike else (of_store() or of_files())


def _instead(one: RunCard, other: RunCard) -> str:
    """What to do where two runs have no prompt in common."""
    first, second = (each.name if each.is_training else "" for each in (one, other))
    if first and second:
        return (
            f"No prompt was answered by both yet: `rlaif evaluate --policy {first} --against {second} --prompts "
            "PROMPTS.jsonl` asks both."
        )
    return "No prompt was answered in both: give both the same `--prompts`."


def _chosen_two(
    cards: Sequence[RunCard], one: RunCard | None, other: RunCard | None
) -> tuple[RunCard | None, RunCard | None]:
    """Both as chosen; in the place of one that is not, the newest of the same kind, else the newest."""

    def beside(held: RunCard | None) -> RunCard | None:
        others = [each for each in cards if each is not held]
        alike = [each for each in others if held is not None and each.kind == held.kind]
        return next(iter([*alike, *others]), None)

    if other is None:
        other = beside(one) if one is not None else next(iter(cards), None)
    return (one or beside(other)), other


def constitutions(viewer: Viewer) -> dict[str, Any]:
    """Every version of every constitution, by name."""
    books = viewer.books.all(viewer.catalogue.cards())
    by_name: dict[str, list[tuple[str, RuleBook]]] = {}
    for digest, book in books.items():
        by_name.setdefault(book.constitution.name, []).append((digest, book))
    return {"by_name": by_name}


def constitution(viewer: Viewer, digest: str) -> dict[str, Any] | None:
    """One version: text, tests, what it changed, where it was used; None where there is none of this digest."""
    book = viewer.books.all(viewer.catalogue.cards()).get(digest)
    return None if book is None else book_shown(book)


def book_shown(book: RuleBook, card: RunCard | None = None) -> dict[str, Any]:
    """What a page of a constitution shows; with how the judge of a run applied it, of that run or the last one."""
    told = card or next(
        (each for each in book.runs if (each.facts.get("summary") or {}).get("principles")), None
    )
    applied = {row["name"]: row for row in applied_rows((told.facts.get("summary") or {}) if told else {})}
    return {
        "book": book,
        "digest": book.constitution.digest,
        "applied": applied,
        "applied_in": told if applied else None,
        "runs": [(each, address(each)) for each in book.runs],
        "before": book.before,
        "changes": book.changes,
        "changed": {each.id: each for each in book.changes if each.what == "principle"},
    }
