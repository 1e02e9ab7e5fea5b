"""Pairs into the files of a format, and what it cannot hold counted."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.errors import InputError
from rlaif.exchange.format import FORMATS, About, PairFormat, WrittenSplit, pair_format, pair_formats
from rlaif.exchange.held import PARTS, parts_of
from rlaif.exchange.pairs import DECIMALS
from rlaif.records import EVEN, Pair

MARGINS = ("score-gap", "log-odds")
CLIP = 0.02
"""A margin in log-odds is that of a probability kept this far from 0 and 1."""
NOT_HELD = "the format cannot hold it"
TIE = "a tie, which the format has no word for"


def write_preferences(
    folder: Path, split: str, pairs: Sequence[Pair], *, format: str, about: About, margin: str | None = None
) -> WrittenSplit:
    """Write one split into `folder`; pairs that the format cannot hold are left out and counted."""
    how = pair_format(format)
    if how.write_document is not None:
        return _document(folder / f"{split}.json", pairs, about, how)
    rows, left_out = preference_rows(pairs, format=format, margin=margin)
    return WrittenSplit(
        how.container(folder, split, rows), len(rows), left_out, {name for row in rows for name in row}
    )


def preference_rows(
    pairs: Sequence[Pair], *, format: str, margin: str | None = None
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The rows of a format that has rows, and why others are not there. Raises InputError."""
    how = pair_format(format)
    if margin is not None and not how.reads_margin:
        known = ", ".join(name for name, each in pair_formats().items() if each.reads_margin)
        raise InputError(f"--margin: no trainer of {format} reads a margin; formats with it: {known}")
    if how.write is None:
        raise InputError(f"--format {format}: pairs are not written in rows of it; choose another format")
    rows: list[dict[str, Any]] = []
    held, left_out = _held(pairs, how)
    for pair in held:
        tie = pair.label_prob == EVEN and not how.holds_ties
        with FORMATS.guarded(format):
            found = [] if tie else how.write(pair)
            made = [] if isinstance(found, str) else [dict(row) for row in found]
        left_out[TIE if tie else found if isinstance(found, str) else NOT_HELD] += not made
        if margin is not None:
            made = [row | {"margin": round(_margin(pair, margin), DECIMALS)} for row in made]
        rows += made
    if how.settle is not None:
        with FORMATS.guarded(format):
            rows, dropped = how.settle(rows)
        left_out.update(dropped)
    return rows, {reason: count for reason, count in left_out.items() if count}


def _held(pairs: Sequence[Pair], how: PairFormat) -> tuple[list[Pair], Counter[str]]:
    """The pairs of which the format has a place for every part, and why others are not among them."""
    held: list[Pair] = []
    left_out: Counter[str] = Counter()
    for pair in pairs:
        if missing := parts_of(pair) - how.holds:
            left_out[_no_place(missing)] += 1
        else:
            held.append(pair)
    return held, left_out


def _no_place(missing: AbstractSet[str]) -> str:
    """Why a pair with these parts is left out, and which formats would take it."""
    takers = [name for name, each in pair_formats().items() if each.writes and each.holds >= missing]
    said = " and ".join(words for name, words in PARTS.items() if name in missing)
    *first, last = takers
    return f"the format has no place for {said} (export as {', '.join(first)} or {last})"


def _margin(pair: Pair, kind: str) -> float:
    if kind == "log-odds":
        p = min(max(pair.label_prob, CLIP), 1 - CLIP)
        return math.log(p / (1 - p))
    if pair.score_gap is None:
        raise InputError(
            f"--margin score-gap: pair {pair.id} has no score_gap, its judge gave no scores; "
            "take --margin log-odds, or leave such pairs out: --where 'score_gap != none'"
        )
    return pair.score_gap


def _document(path: Path, pairs: Sequence[Pair], about: About, how: PairFormat) -> WrittenSplit:
    assert how.write_document is not None
    held, left_out = _held(pairs, how)
    whole, count = how.write_document(held, about)
    write_text(path, json.dumps(whole, ensure_ascii=False, indent=1) + "\n")
    left_out[NOT_HELD] += len(held) - count
    return WrittenSplit((path,), count, {reason: number for reason, number in left_out.items() if number})
