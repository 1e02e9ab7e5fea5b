"""Review decisions: what people decided of pairs. Rows are appended, never overwritten; an undo is a row of its own.

Which decision is the newest is told by a number that each row has (`seq`, one more than the reviewer's last on that
pair), not by the clock, which is set back at times. Rows of earlier releases have none: they come before all others,
by their time. A decision counts in the store in which it was made; stores that are merged exchange calls alone.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from rlaif.store.store import Store

_LOG = logging.getLogger(__name__)
TIE = "tie"
_CHUNK = 500
_NOT_SAID = ("pair", "reviewer", "at", "seen")
"""What of a decision does not stand in its row: whether it was blind is told by the rows before it."""


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
    seen: bool = False
    """Whether the reviewer had seen what the judge says: then it tells nothing of how far the two agree."""
    at: float = 0.0
    """Seconds since 1970."""


def put_decision(store: Store, decision: ReviewDecision) -> ReviewDecision:
    """Store a decision with the current time; it replaces the reviewer's earlier one. Returns it as stored."""
    kept = {name: value for name, value in asdict(decision).items() if name not in _NOT_SAID}
    return _put(store, decision, kept)


def put_seen(store: Store, pair: str, reviewer: str) -> None:
    """Keep that a reviewer asked to see what the judge says of a pair; it decides nothing, and is not undone."""
    _put(store, ReviewDecision(pair=pair, reviewer=reviewer), {"seen": True})


def has_seen(store: Store, pair: str, reviewer: str) -> bool:
    """Whether a reviewer asked to see what the judge says of a pair."""
    return any(each.seen for each in _rows_of(store, pair, reviewer))


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
        rows = store.select(query, [])
    else:
        for start in range(0, len(wanted), _CHUNK):
            part = wanted[start : start + _CHUNK]
            rows += store.select(f"{query} WHERE pair_id IN ({', '.join('?' * len(part))})", part)
    said: dict[tuple[str, str], list[_Row]] = {}
    for pair, reviewer, row, at in sorted(rows, key=lambda each: each[3]):
        said.setdefault((pair, reviewer), []).append(_read(row, at))
    found = []
    for (pair, reviewer), rows_of_pair in said.items():
        history = [each for each in rows_of_pair if not each.seen]
        if not history:
            continue
        newest = max(history, key=_Row.place)
        if history[-1].fields is None:
            _LOG.warning(
                "%s: a decision of %s on pair %s is damaged, and left out", store.path, reviewer, pair
            )
        elif (fields := newest.fields) and (
            fields["prefers"] is not None or fields["flag"] or fields["note"]
        ):
            seen = not _is_blind(rows_of_pair, fields["prefers"])
            found.append(ReviewDecision(pair=pair, reviewer=reviewer, at=newest.at, seen=seen, **fields))
    return sorted(found, key=lambda each: each.at)


def _is_blind(rows: Iterable[_Row], prefers: str | None) -> bool:
    """Whether a preference is the first that was said, before the judge's word was seen; a decided pair shows that."""
    for each in sorted(rows, key=_Row.place):
        if each.seen:
            return False
        if each.fields and each.fields["prefers"] is not None:
            return bool(each.fields["prefers"] == prefers)
    return True


class _Row(NamedTuple):
    """One row, as it was said; without fields where it is damaged."""

    at: float
    seq: int = 0
    fields: dict[str, Any] | None = None
    undo: bool = False
    seen: bool = False
    """Whether it says nothing but that the judge's word was looked at."""

    def place(self) -> tuple[int, float]:
        """Its place among the decisions of one reviewer on one pair."""
        return self.seq, self.at


def _read(row: str, at: float) -> _Row:
    try:
        held = json.loads(row)
        told = _fields(held), bool(held.get("undo")), bool(held.get("seen"))
        return _Row(at, int(held.get("seq") or 0), *told)
    except (ValueError, TypeError, AttributeError):
        return _Row(at)


def _put(store: Store, decision: ReviewDecision, row: Mapping[str, Any]) -> ReviewDecision:
    with store.transaction():
        before = _rows_of(store, decision.pair, decision.reviewer)
        at = time.time()
        while at in {each.at for each in before}:
            # a clock that stands still or goes back must not put one decision over another
            at = math.nextafter(at, math.inf)
        seq = 1 + max((each.seq for each in before), default=0)
        text = json.dumps({**row, "seq": seq}, ensure_ascii=False)
        store.write("INSERT INTO decisions VALUES (?, ?, ?, ?)", [decision.pair, decision.reviewer, text, at])
    return replace(decision, at=at)


def _history(store: Store, pair: str, reviewer: str) -> list[dict[str, Any]]:
    """The reviewer's decisions on a pair that were not undone, in order; damaged ones are said where they are read."""
    said: list[dict[str, Any]] = []
    for each in _rows_of(store, pair, reviewer):
        if each.fields is not None and not each.seen:
            said = said[:-1] if each.undo else [*said, each.fields]
    return said


def _rows_of(store: Store, pair: str, reviewer: str) -> list[_Row]:
    rows = store.select("SELECT row, at FROM decisions WHERE pair_id = ? AND reviewer = ?", [pair, reviewer])
    return sorted((_read(*each) for each in rows), key=_Row.place)


def _fields(held: Any) -> dict[str, Any]:
    if not isinstance(held.get("prefers"), str | None):
        raise TypeError("it prefers nothing that there is")
    return {
        "prefers": held.get("prefers"),
        "flag": bool(held.get("flag")),
        "note": str(held.get("note") or ""),
    }
