"""Preferences out of a file of any format that is known; its format is told by its first row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from rlaif.errors import PromptFileError
from rlaif.exchange.preferences import annotated
from rlaif.exchange.preferences.hh import HH
from rlaif.exchange.preferences.nouns import Format, Found, named
from rlaif.exchange.preferences.thumbs import KTO
from rlaif.exchange.preferences.trainers import AXOLOTL, LLAMA_FACTORY, NEMO_RL, OPENRLHF
from rlaif.exchange.preferences.trl import TRL
from rlaif.exchange.preferences.ultrafeedback import ULTRAFEEDBACK
from rlaif.exchange.rows import Row, read_rows
from rlaif.records import Pair

FORMATS = (LLAMA_FACTORY, AXOLOTL, HH, TRL, OPENRLHF, ULTRAFEEDBACK, NEMO_RL, KTO)
"""In the order in which a row is tried: the narrower first."""
NAMES = (*(each.name for each in FORMATS), annotated.NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a file of preferences came to."""

    format: str
    rows: int
    """Pairs and rows that made none."""
    pairs: tuple[Pair, ...]
    left_out: Mapping[str, int]
    """Why a row made no pair, and how often."""


def read_preferences(ref: str | Path, *, format: str | None = None, limit: int | None = None) -> Imported:
    """Read a file (or a `datasets` directory); `format` is told by the first row where it is not given.

    Raises PromptFileError for a row that is broken, and for a file without a single pair. What a row can say and
    yet be no pair (two equal sides, prompts that differ) is left out and counted.
    """
    name, found = _found(ref, format)
    pairs: list[Pair] = []
    left_out: Counter[str] = Counter()
    rows = 0
    for where, what in islice(found, limit):
        rows += 1
        if isinstance(what, str):
            left_out[what] += 1
        else:
            source = {"format": name, "file": Path(ref).name, "where": _place(where, ref)}
            pairs.append(replace(what, provenance={**what.provenance, "imported": source}))
    if not pairs:
        why = "; ".join(f"{count} {reason}" for reason, count in left_out.items()) or "it has no rows"
        raise PromptFileError(f"{ref}: holds no pair, read as {name} ({why}); name its --format")
    return Imported(format=name, rows=rows, pairs=tuple(pairs), left_out=dict(left_out))


def format_of(name: str) -> Format:
    """The format of this name. Raises PromptFileError."""
    for each in FORMATS:
        if each.name == name:
            return each
    raise PromptFileError(f"no format is called {name!r}; known: {', '.join(NAMES)}")


def _found(ref: str | Path, name: str | None) -> tuple[str, Iterator[Found]]:
    if name == annotated.NAME or (name is None and annotated.is_document(Path(ref))):
        return annotated.NAME, annotated.read(Path(ref))
    rows = read_rows(ref)
    chosen = format_of(name) if name is not None else None
    if chosen is None:
        head = list(islice(rows, 1))
        if not head:
            raise PromptFileError(f"{ref}: holds no row")
        chosen, rows = _told_by(head[0]), chain(head, rows)
    assert chosen.read is not None
    return chosen.name, chosen.read(rows)


def _told_by(row: Row) -> Format:
    if isinstance(row.value, Mapping):
        for each in FORMATS:
            if each.recognises is not None and each.recognises(row.value):
                return each
        has = ", ".join(map(str, row.value)) or "none"
    else:
        has = f"none, it is a {type(row.value).__name__}"
    raise PromptFileError(f"{row.where}: in no known format (columns: {has}); known: {named(FORMATS)}")


def _place(where: str, ref: str | Path) -> str:
    # a path would make equal imports in two places differ
    return where.removeprefix(str(ref)).lstrip(":, ")
