"""Review decisions: what people decided of pairs. Rows are appended, never overwritten; an undo is a row of its own."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from rlaif.store.store import Store

_LOG = logging.getLogger(__name__)
TIE = "tie"
_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDecision:
    """The decision of one reviewer on one pair that is in force."""

    pair: str
    """Id of the pair; the same two answers to the same prompt have it in every run."""
    reviewer: str
    prefers: str | None = None
    """Id of the completion that is better, `tie`, or None where nothing is said."""
    flag: bool = False
    """Whether the pair should not be used."""
    note: str = ""
    at: float = 0.0
    """Seconds since 1970."""


def put_decision(store: Store, decision: ReviewDecision) -> ReviewDecision:
    """Store a decision with the current time; it replaces the reviewer's earlier one. Returns it as stored."""
    kept = {name: value for name, value in asdict(decision).items() if name not in ("pair", "reviewer", "at")}
    return _put(store, decision, kept)


def undo_decision(store: Store, pair: str, reviewer: str) -> ReviewDecision | None:
    """Undo the reviewer's newest decision on a pair. Returns the one that is in force again, or None without any."""
    before = _history(store, pair, reviewer)
    if not before:
        return None
    # as if the newest had not been said: everything stays in the table, and who looks can see it all
    now = before[-2] if len(before) > 1 else {"prefers": None, "flag": False, "note": ""}
    standing = ReviewDecision(pair=pair, reviewer=reviewer, **now)
    return _put(store, standing, {**now, "undo": True})


def decisions(store: Store, pairs: Iterable[str] | None = None) -> list[ReviewDecision]:
    """The decisions in force, one for each reviewer and pair, oldest first; of all pairs, or of these."""
    wanted = None if pairs is None else list(dict.fromkeys(pairs))
    rows: list[tuple[Any, ...]] = []
    query = "SELECT pair_id, reviewer, row, at FROM decisions"
    if wanted is None:
        rows = store.select(f"{query} ORDER BY at", [])
    else:
        for start in range(0, len(wanted), _CHUNK):
            part = wanted[start : start + _CHUNK]
            rows += store.select(f"{query} WHERE pair_id IN ({', '.join('?' * len(part))}) ORDER BY at", part)
    newest = {(pair, reviewer): (row, at) for pair, reviewer, row, at in rows}
    found = []
    for (pair, reviewer), (row, at) in newest.items():
        try:
            fields = _fields(row)
        except (ValueError, TypeError, AttributeError):
            _LOG.warning(
                "%s: a decision of %s on pair %s is damaged, and left out", store.path, reviewer, pair
            )
            continue
        if fields["prefers"] is not None or fields["flag"] or fields["note"]:
            found.append(ReviewDecision(pair=pair, reviewer=reviewer, at=at, **fields))
    return found


def _put(store: Store, decision: ReviewDecision, row: Mapping[str, Any]) -> ReviewDecision:
    at = time.time()
    with store.transaction():
        store.write(
            "INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?)",
            [decision.pair, decision.reviewer, json.dumps(row, ensure_ascii=False), at],
        )
    return ReviewDecision(
        pair=decision.pair,
        reviewer=decision.reviewer,
        prefers=decision.prefers,
        flag=decision.flag,
        note=decision.note,
        at=at,
    )


def _history(store: Store, pair: str, reviewer: str) -> list[dict[str, Any]]:
    """The reviewer's decisions on a pair that were not undone, in order."""
    rows = store.select(
        "SELECT row FROM decisions WHERE pair_id = ? AND reviewer = ? ORDER BY at", [pair, reviewer]
    )
    said: list[dict[str, Any]] = []
    for (row,) in rows:
        with suppress(ValueError, TypeError, AttributeError):  # damaged: said where decisions are read
            fields = _fields(row)
            said = said[:-1] if json.loads(row).get("undo") else [*said, fields]
    return said


def _fields(row: str) -> dict[str, Any]:
    held = json.loads(row)
    if not isinstance(held.get("prefers"), str | None):
        raise TypeError("it prefers nothing that there is")
    return {
        "prefers": held.get("prefers"),
        "flag": bool(held.get("flag")),
        "note": str(held.get("note") or ""),
    }
