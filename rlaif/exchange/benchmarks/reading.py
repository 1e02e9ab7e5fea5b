"""Which format a file of gold has, and the file read by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from rlaif.errors import PromptFileError
from rlaif.exchange.benchmarks import alpaca_eval, dialogues, judgebench, labels, llmbar, ours, rewardbench
from rlaif.exchange.benchmarks.nouns import GoldSet
from rlaif.exchange.columns import Columns, say_left
from rlaif.exchange.rows import Row, read_rows

Reader = Callable[[Iterator[Row], str], GoldSet]


class Format(NamedTuple):
    """A format: how its rows are known, and its reader."""

    known_by: Callable[[Mapping[str, object]], bool]
    read: Reader


def _has(columns: frozenset[str]) -> Callable[[Mapping[str, object]], bool]:
    return lambda row: columns <= row.keys()


FORMATS: Mapping[str, Format] = {
    "rbr": Format(_has(frozenset({"propositions", "completion", "prompt"})), labels.read_rbr),
    "rewardbench-2": Format(
        lambda row: row.keys() >= rewardbench.COLUMNS and isinstance(row["rejected"], list),
        rewardbench.read_choices,
    ),
    "rewardbench": Format(_has(rewardbench.COLUMNS), rewardbench.read),
    "judgebench": Format(_has(judgebench.COLUMNS), judgebench.read),
    "llmbar": Format(_has(llmbar.COLUMNS), llmbar.read),
    "alpaca_eval": Format(_has(alpaca_eval.COLUMNS), alpaca_eval.read),
    "xstest": Format(_has(labels.XSTEST_COLUMNS), labels.read_xstest),
    "pairs": Format(_has(ours.COLUMNS), ours.read),
    "hh-rlhf": Format(
        lambda row: row.keys() >= dialogues.COLUMNS and isinstance(row["chosen"], str), dialogues.read
    ),
}
"""Every format by name, in the order in which it is looked for: what says more comes first."""


DEPTH = 3
"""Folders below the named one in which files of gold are looked for."""


def read_gold(ref: str | Path, *, name: str | None = None, limit: int | None = None) -> GoldSet:
    """A gold set, its format known by the columns of its first row unless `name` says which.

    A directory is all files of gold below it (LLMBar's `dataset.json`); `FILE.tar.gz#JUDGE` is a recorded judge
    of LLMBar's archive. Raises PromptFileError.
    """
    path, _, judge = str(ref).partition("#")
    if path.endswith(llmbar.ARCHIVE):
        found = llmbar.read_archive(_there(Path(path)), judge)
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
    path = str(ref).partition("#")[0]
    if path.endswith(llmbar.ARCHIVE):
        return read_gold(ref)
    if not Path(path).is_file():
        return None
    rows = read_rows(path)
    first = next(rows, None)
    if first is None or not isinstance(first.value, Mapping):
        return None
    if first.value.keys() >= alpaca_eval.COLUMNS:
        return _annotations(chain([first], rows))
    known = {"results", "judgments", "gpt4_label"} & first.value.keys()
    # what stands behind # names a judge here, and no list of the file
    return read_gold(path) if known else None


def _annotations(rows: Iterator[Row]) -> GoldSet:
    kept = list(rows)
    said = alpaca_eval.recorded(iter(kept))
    base = alpaca_eval.read(iter(kept), "")
    with_verdicts = [replace(each, recorded=said.get(each.id)) for each in base.pairs]
    return replace(base, pairs=tuple(with_verdicts))


def _folder(folder: Path, name: str | None) -> GoldSet:
    levels = ("/".join([*("*" * depth), "dataset.json"]) for depth in range(DEPTH + 1))
    files = sorted(each for level in levels for each in folder.glob(level) if each.is_file())
    if not files:
        raise PromptFileError(f"{folder}: holds no dataset.json (LLMBar); name a file of gold")
    sets = [_file(each, name) for each in files]
    pairs = tuple(pair for each in sets for pair in each.pairs)
    return replace(sets[0], pairs=pairs)


def _file(path: Path, name: str | None) -> GoldSet:
    rows = read_rows(path)
    first = next(rows, None)
    if first is None:
        raise PromptFileError(f"{path}: has no rows")
    if not isinstance(first.value, Mapping):
        raise PromptFileError(f"{first.where}: a row must be an object, not {type(first.value).__name__}")
    if name is not None and name not in FORMATS:
        raise PromptFileError(f"{name!r} is no format of gold; known: {', '.join(FORMATS)}")
    found = name or next((each for each, how in FORMATS.items() if how.known_by(first.value)), None)
    if found is None:
        raise PromptFileError(
            f"{first.where}: the columns {', '.join(map(str, first.value))} are of no gold set that is known: "
            f"{', '.join(FORMATS)}"
        )
    # the file's folder says more than its name: LLMBar calls every file dataset.json
    category = path.parent.name if path.stem in ("dataset", "result") else path.name.partition(".")[0]
    seen: list[Row] = []
    read = FORMATS[found].read(_watched(chain([first], rows), seen), category)
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
