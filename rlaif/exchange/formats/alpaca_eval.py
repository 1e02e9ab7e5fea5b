"""alpaca_eval's annotations: `preference` from 1 (first wins) to 2; people's are gold, a judge's are its verdicts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange import fields
from rlaif.exchange.format import Format, GoldFormat, has
from rlaif.exchange.gold import LOST, GoldPair, GoldSet, Orders, RecordedVerdict
from rlaif.exchange.rows import Row
from rlaif.hashing import digest
from rlaif.records import Prompt, State

COLUMNS = frozenset({"instruction", "output_1", "output_2", "preference"})
FAILED = (None, -1)
"""Preferences that are none: what alpaca_eval writes for a reply that it could not read."""


def read(rows: Iterator[Row], category: str) -> GoldSet:
    """Gold: the share of the annotators that prefers the first. Those without a majority are left out and counted."""
    votes: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    seen: dict[tuple[str, str, str], tuple[Prompt, str]] = {}
    left_out: Counter[str] = Counter()
    for row in rows:
        p, key = _first_better(row), _key(row)
        if p is None:
            left_out["the annotation failed"] += 1
            continue
        votes[key].append(p)
        seen.setdefault(key, (fields.prompt(row, "instruction"), _category(row, category)))
    pairs = []
    for (instruction, one, other), given in votes.items():
        share = sum(given) / len(given)
        if share == 0.5:
            left_out["as many for the one as for the other"] += 1
            continue
        prompt, named = seen[instruction, one, other]
        pairs.append(
            GoldPair(
                id=_id(instruction, one, other),
                prompt=prompt,
                texts=(one, other),
                first_better=share,
                category=named,
            )
        )
    return GoldSet(name="alpaca_eval", scoring="pairs", pairs=tuple(pairs), left_out=left_out)


def recorded(rows: Iterator[Row]) -> dict[str, Orders]:
    """What a judge said, by the id of the pair; a row the other way round is the other order."""
    found: dict[str, Orders] = {}
    for row in rows:
        instruction, one, other = _key(row)
        p = _first_better(row)
        there = found.get(_id(instruction, other, one))
        if there is not None:
            swapped = LOST if p is None else RecordedVerdict(State.PREFERENCE, 1 - p)
            found[_id(instruction, other, one)] = Orders(there.forward, swapped)
        else:
            said = LOST if p is None else RecordedVerdict(State.PREFERENCE, p)
            found[_id(instruction, one, other)] = Orders(said, None)
    return found


def _id(instruction: str, one: str, other: str) -> str:
    return digest("alpaca_eval", instruction, one, other)


def _key(row: Row) -> tuple[str, str, str]:
    return fields.text(row, "instruction"), fields.text(row, "output_1"), fields.text(row, "output_2")


def _category(row: Row, otherwise: str) -> str:
    named: Any = fields.mapping(row).get("dataset")
    return named if isinstance(named, str) else otherwise


def _first_better(row: Row) -> float | None:
    value = fields.mapping(row).get("preference")
    if value in FAILED or value == 0:
        # 0 is what older versions write for a tie of two equal outputs: no preference either
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 2:
        raise PromptFileError(f"{row.where}: `preference` is {value!r}; it must be from 1 to 2, -1 or null")
    return 2.0 - float(value)


def read_verdicts(rows: Iterator[Row]) -> GoldSet:
    """Pairs with what the judge that annotated them said in each order."""
    kept = list(rows)
    said = recorded(iter(kept))
    found = read(iter(kept), "")
    return replace(found, pairs=tuple(replace(each, recorded=said.get(each.id)) for each in found.pairs))


FORMAT = Format(
    name="alpaca_eval",
    help="alpaca_eval's annotations: those of people are gold, those of a judge its verdicts",
    gold=GoldFormat(recognises=has(COLUMNS), read=read, rank=60, read_verdicts=read_verdicts),
)
