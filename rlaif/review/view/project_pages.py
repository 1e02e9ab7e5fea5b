"""What the pages over all runs show: the list, two runs compared, the constitutions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif.review import charts
from rlaif.review.view import compared
from rlaif.review.view.calls import before_and_after
from rlaif.review.view.catalogue import RunCard
from rlaif.review.view.overview import applied_rows
from rlaif.review.view.rules import RuleBook
from rlaif.review.view.viewer import Viewer, address, query

PAGE_SIZE = 100
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
        "rows": [(each, address(each), _spark(each)) for each in found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]],
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
        "running": any(each.status == "running" for each in cards),
    }


def _spark(card: RunCard) -> str:
    name = next((each for each in ("gold_mean", "judge_mean") if card.rounds and card.rounds[0].get(each) is not None), "")
    values = [row.get(name) for row in card.rounds] if name else []
    return charts.spark(values, f"{name.partition('_')[0]} by round")


def compare(viewer: Viewer, chosen: Mapping[str, str]) -> dict[str, Any]:
    """Two runs beside each other; of none chosen, the two that began last."""
    cards = [each for each in viewer.catalogue.cards() if each.status != "unreadable"]
    names = {each.name: each for each in cards}
    one = names.get(chosen.get("a", "")) or (cards[1] if len(cards) > 1 and not chosen.get("a") else None)
    other = names.get(chosen.get("b", "")) or (cards[0] if cards and not chosen.get("b") else None)
    found: dict[str, Any] = {"cards": cards, "one": one, "other": other}
    if one is None or other is None:
        return found
    store = viewer.store(other.path)
    first, second = compared.newest_policy(one), compared.newest_policy(other)
    return {
        **found,
        "figures": compared.figures(one, other),
        "differences": compared.differences(one, other),
        "charts": compared.curves(one, other),
        "principles": charts.changes(compared.principle_rows(one, other), names=(one.name, other.name)),
        "samples": before_and_after(store, first, second, SAMPLES),
        "same_policy": bool(first) and first == second,
        "links": (address(one), address(other)),
        "swap": query(a=other.name, b=one.name),
    }


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
    told = card or next((each for each in book.runs if (each.facts.get("summary") or {}).get("principles")), None)
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

