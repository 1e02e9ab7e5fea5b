"""Preferences out of a file of any format that is known; its format is told by its first row."""

from __future__ import annotations

import json
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from rlaif.boundary import told
from rlaif.errors import PromptFileError, RlaifError, UnkeptError
from rlaif.exchange.asked import ADDED, CONVERSATIONS, QUESTIONS, SYSTEM
from rlaif.exchange.columns import TEMPLATE, TOOLS, say_left
from rlaif.exchange.first_row import first_row
from rlaif.exchange.format import (
    FORMATS,
    Found,
    PairFormat,
    gold_formats,
    pair_formats,
    read_formats,
    reading,
)
from rlaif.exchange.hub import files_of
from rlaif.exchange.pairs import pair_row
from rlaif.exchange.prompts import row_prompt
from rlaif.exchange.rows import Row, read_rows
from rlaif.exchange.turns import turns
from rlaif.records import Pair

CLOSEST = 3
"""Formats that are named where none fits."""
_COLUMN = re.compile(r"`([\w.-]+)")
"""A column in the shape of a format."""
_ASKS_OR_ANSWERS = {
    "prompt", *CONVERSATIONS, *QUESTIONS, *ADDED, *SYSTEM, *TOOLS, "history", "response", "completion", "output",
    "answer", "id", "subset", "source",
}  # fmt: skip
"""Columns that a row may have which holds a question, or a question and one answer."""
_PLACE = re.compile(r"\[\d+\]")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPreferences:
    """What a file of preferences came to."""

    format: str
    rows: int
    """Read in all."""
    pairs: tuple[Pair, ...]
    left_out: Mapping[str, int]
    """Why a row made no pair, and how often."""
    columns_left: tuple[str, ...] = ()
    """Columns that mean nothing here."""


def read_preferences(
    ref: str | Path, *, format: str | None = None, limit: int | None = None
) -> ReadPreferences:
    """Read preference pairs from a file or a `datasets` directory; without `format`, the first row decides it.

    A row that says something and yet is no pair (equal sides, prompts that differ, tool calls) is left out and counted.
    Columns without a meaning here are listed once. Raises PromptFileError for a broken row, and where no pair is found.
    """
    name, found, counted = _found(ref, format, limit)
    pairs: list[Pair] = []
    left_out: Counter[str] = Counter()
    unkept: list[UnkeptError] = []
    columns: dict[str, None] = {}
    with FORMATS.guarded(name), reading(name, lambda: counted.where or str(ref)):
        for where, what, left in found:
            columns |= dict.fromkeys(left)
            if isinstance(what, UnkeptError):
                unkept.append(what)
                left_out[_PLACE.sub("", what.reason)] += 1
            elif isinstance(what, str):
                left_out[what] += 1
            else:
                source = {"format": name, "file": Path(ref).name, "where": _place(where, ref)}
                pair = replace(what, provenance={**what.provenance, "imported": source})
                _refuse_unwritable(pair, where)
                pairs.append(pair)
    if not pairs and unkept:
        raise unkept[0]
    if not pairs:
        why = "; ".join(f"{count} {reason}" for reason, count in left_out.items()) or "it has no rows"
        raise PromptFileError(f"{ref}: holds no pair, read as {name} ({why}); name its --format")
    _say_template(ref, pairs)
    if unkept:
        _log.warning("%s (rows left out for such reasons: %d)", unkept[0], len(unkept))
    say_left(ref, columns)
    return ReadPreferences(
        format=name,
        rows=counted.count,
        pairs=tuple(pairs),
        left_out=dict(left_out),
        columns_left=tuple(columns),
    )


def _say_template(ref: str | Path, pairs: Sequence[Pair]) -> None:
    """Say with which option a model is asked as these rows were. Raises PromptFileError where they differ in it."""
    said = [each.provenance.get(TEMPLATE) for each in pairs]
    if any(each != said[0] for each in said):
        raise PromptFileError(
            f"{ref}: rows differ in `{TEMPLATE}`, and a run has one template; split the file by that column"
        )
    if said[0] is not None:
        _log.warning(
            "%s: `%s` is kept and given to no model: ask with --policy-chat-template-kwargs, "
            "train with --chat-template-kwargs: %s",
            ref,
            TEMPLATE,
            json.dumps(said[0], ensure_ascii=False),
        )


def _refuse_unwritable(pair: Pair, where: str) -> None:
    """Raise PromptFileError for what JSON in UTF-8 has no word for: names and notes come from the file as they are."""
    try:
        json.dumps(pair_row(pair), ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError) as wrong:
        kind = "half a character (a lone surrogate)" if isinstance(wrong, UnicodeEncodeError) else told(wrong)
        raise PromptFileError(f"{where}: cannot be kept as JSON: {kind}; mend the row") from None


class _Counted:
    """An iterator that knows how much it gave."""

    def __init__(self, items: Iterator[Any]) -> None:
        self.items = items
        self.count = 0
        self.where = ""
        """Of what was given last."""

    def __iter__(self) -> Iterator[Any]:
        for item in self.items:
            self.count += 1
            self.where = str(item.where)
            yield item


def _found(ref: str | Path, name: str | None, limit: int | None) -> tuple[str, Iterator[Found], _Counted]:
    formats = {each: how for each, how in pair_formats().items() if how.reads}
    if name is not None and name not in formats:
        raise PromptFileError(f"no format is called {name!r}; known: {', '.join(formats)}")
    path = _document(ref)
    for each in formats if name is None else [name]:
        how = formats[each]
        told = name is not None or (how.recognises_file is not None and how.recognises_file(path))
        if told and how.read_file is not None:
            counted = _Counted(islice(how.read_file(path), limit))
            return each, iter(counted), counted
    counted = _Counted(islice(read_rows(ref), limit))
    first, rows = first_row(ref, iter(counted))
    if name is None:
        if first is None:
            raise PromptFileError(f"{ref}: holds no row")
        name = _told_by(ref, first, formats)
    read = formats[name].read
    assert read is not None, "what has no document has rows"
    return name, read(rows), counted


def _document(ref: str | Path) -> Path:
    """The file that `ref` names, or that is the one of a split of a directory."""
    folder, _, split = str(ref).partition("#")
    if not os.path.isdir(folder):
        return Path(ref)
    files = files_of(Path(folder), split) or []
    return files[0] if len(files) == 1 else Path(ref)


def _told_by(ref: str | Path, row: Row, formats: Mapping[str, PairFormat]) -> str:
    if isinstance(row.value, Mapping):
        for name, how in formats.items():
            with FORMATS.guarded(name), reading(name, lambda: row.where):
                if how.read is not None and how.recognises is not None and how.recognises(row.value):
                    return name
        has = ", ".join(map(str, row.value)) or "none"
        close = _closest(row.value, formats)
        if (
            gold := next((key for key, each in gold_formats().items() if each.recognises(row.value)), None)
        ) is not None:
            close = f"; it is gold of judges ({gold}): measure one by `rlaif judge check`{close}"
        else:
            close = f"{_asks_alone(ref, row, formats)}{close}"
    else:
        has, close = f"none, it is a {type(row.value).__name__}", ""
    raise PromptFileError(
        f"{row.where}: in no known format (columns: {has}){close}; known: {', '.join(read_formats())}"
    )


def _asks_alone(ref: str | Path, row: Row, formats: Mapping[str, PairFormat]) -> str:
    """What to do with rows that ask and have no two sides; empty where a column belongs to a side."""
    shapes = {column for how in formats.values() for column in _COLUMN.findall(how.shape)}
    if row.value.keys() & (shapes - _ASKS_OR_ANSWERS):
        return ""
    name = next((each for each in ("messages", "conversations") if each in row.value), "prompt")
    try:
        said = turns(row.value[name], row.where, name, role="user") if name in row.value else ()
        answered = bool(said) and said[-1].role == "assistant"
        if not answered:
            row_prompt(row.value, row.where)
    except RlaifError:
        return ""
    cut = " when the assistant's turn at the end of each is taken away" if answered else ""
    return (
        "; these are prompts, without two sides to choose from: "
        f"`rlaif generate --prompts {ref}` draws and judges answers{cut}"
    )


def _closest(row: Mapping[str, Any], formats: Mapping[str, PairFormat]) -> str:
    """The formats that share the most columns with a row, and which it lacks; empty where none shares any."""
    found: dict[str, tuple[int, list[str]]] = {}
    for name, how in formats.items():
        for shape in how.shape.split("; or"):
            columns = _COLUMN.findall(shape)
            lacks = [each for each in columns if each not in row]
            share = len(columns) - len(lacks)
            if share and (name not in found or len(lacks) < len(found[name][1])):
                found[name] = share, lacks
    shapes = {
        formats[name].shape: name for name in reversed(found)
    }  # what differs in its container is one shape
    nearest = sorted(shapes.values(), key=lambda name: (-found[name][0], len(found[name][1])))[:CLOSEST]
    told = [f"{name} (no {', '.join(found[name][1]) or 'more'})" for name in nearest]
    return f"; closest: {', '.join(told)}" if told else ""


def _place(where: str, ref: str | Path) -> str:
    # a path would make equal imports in two places differ
    return where.removeprefix(str(ref)).lstrip(":, ")
