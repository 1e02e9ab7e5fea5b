"""Which format a file of gold has, and the file read by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path

from rlaif.errors import PromptFileError
from rlaif.exchange.columns import Columns, say_left
from rlaif.exchange.first_row import first_row
from rlaif.exchange.format import GoldFormat, gold_formats, reading
from rlaif.exchange.gold import GoldSet
from rlaif.exchange.rows import Row, read_rows

DEPTH = 3
"""Folders below the named one in which files of gold are looked for."""


def read_gold(ref: str | Path, *, name: str | None = None, limit: int | None = None) -> GoldSet:
    """A gold set, its format known by the columns of its first row unless `name` says which.

    A directory is all files of gold below it (LLMBar's `dataset.json`); `FILE.tar.gz#JUDGE` is a recorded judge
    of LLMBar's archive. Raises PromptFileError.
    """
    path, _, judge = str(ref).partition("#")
    if (archive := _archive(path)) is not None and archive.read_archive is not None:
        found = archive.read_archive(_there(Path(path)), judge)
    elif Path(path).is_dir() and not judge:
        found = _folder(Path(path), name)
    else:
        found = _file(Path(ref), name)
    if not len(found):
        why = ", ".join(f"{reason}: {count}" for reason, count in found.left_out.items()) or "it has no rows"
        raise PromptFileError(f"{ref}: holds no gold ({why})")
    return found if limit is None else _first(found, limit)


def read_recorded(ref: str | Path) -> GoldSet | None:
    """A file of recorded verdicts or labels, as `replay:` judges name it; None where it is no such file."""
    path, _, judge = str(ref).partition("#")
    if _archive(path) is not None:
        return read_gold(ref)
    if not Path(path).is_file():
        return None
    rows = read_rows(path)
    first = next(rows, None)
    if first is None or not isinstance(first.value, Mapping):
        return None
    formats = gold_formats().values()
    for each in formats:
        if each.read_verdicts is not None and each.recognises(first.value):
            return each.read_verdicts(chain([first], rows), judge)
    if not any(each.verdicts & first.value.keys() for each in formats):
        return None
    # what stands behind # names a judge here, and no list of the file
    found = read_gold(path)
    if judge and not found.labels:
        raise PromptFileError(f"{path}: records one judge; leave `#{judge}` out")
    return found


def _archive(path: str) -> GoldFormat | None:
    return next(
        (each for each in gold_formats().values() if each.archives and path.endswith(each.archives)), None
    )


def _folder(folder: Path, name: str | None) -> GoldSet:
    wanted = {each.in_folders: form for form, each in gold_formats().items() if each.in_folders}
    levels = ("/".join([*("*" * depth), file]) for file in wanted for depth in range(DEPTH + 1))
    files = sorted(each for level in levels for each in folder.glob(level) if each.is_file())
    if not files:
        named = ", ".join(f"{file} ({form})" for file, form in wanted.items())
        raise PromptFileError(f"{folder}: holds no {named}; name a file of gold")
    sets = [_file(each, name) for each in files]
    pairs = tuple(pair for each in sets for pair in each.pairs)
    return replace(sets[0], pairs=pairs)


def _file(path: Path, name: str | None) -> GoldSet:
    first, rows = first_row(path, read_rows(path))
    if first is None:
        raise PromptFileError(f"{path}: has no rows")
    if not isinstance(first.value, Mapping):
        raise PromptFileError(f"{first.where}: a row must be an object, not {type(first.value).__name__}")
    formats = gold_formats()
    if name is not None and name not in formats:
        raise PromptFileError(f"{name!r} is no format of gold; known: {', '.join(formats)}")
    found = name or next((each for each, how in formats.items() if how.recognises(first.value)), None)
    if found is None:
        raise PromptFileError(
            f"{first.where}: the columns {', '.join(map(str, first.value))} are of no gold set that is known: "
            f"{', '.join(formats)}; preferences of another format become pairs by `rlaif import {path} --out RUN`, "
            "and RUN/pairs.jsonl is gold"
        )
    # the file's folder says more than its name: LLMBar calls every file dataset.json
    category = path.parent.name if path.stem in ("dataset", "result") else path.name.partition(".")[0]
    seen: list[Row] = []
    with reading(found, lambda: seen[-1].where if seen else str(path)):
        read = formats[found].read(_watched(rows, seen), category)
    # a row that is left out was not read to its end, so that a column counts as used where any row's was
    used = {name for row in seen for name in row.value.used}
    for row in seen:
        row.value.used |= used
    say_left(path, (name for row in seen for name in row.value.finished(row.where)))
    return read


def _watched(rows: Iterator[Row], seen: list[Row]) -> Iterator[Row]:
    """The rows, which remember what is read of them."""
    for row in rows:
        if isinstance(row.value, Mapping):
            row = Row(row.where, Columns(row.value))
            seen.append(row)
        yield row


def _there(path: Path) -> Path:
    if not path.is_file():
        raise PromptFileError(f"{path}: no such file")
    return path


def _first(found: GoldSet, limit: int) -> GoldSet:
    return replace(
        found, pairs=found.pairs[:limit], choices=found.choices[:limit], labels=found.labels[:limit]
    )
