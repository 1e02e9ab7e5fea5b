"""Rows out of other people's files, each with its place. Knows formats, not what a row means."""

from __future__ import annotations

import ast
import csv
import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from glob import glob
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.boundary import outside
from rlaif.errors import PromptFileError
from rlaif.exchange.columnar import dataset_rows, parquet_rows
from rlaif.exchange.hub import files_of
from rlaif.exchange.json_rows import json_rows
from rlaif.exchange.text_files import numbered_lines, table_lines, whole_text
from rlaif.plain_files import json_items, open_regular, parse_json

FORMATS = (
    ".jsonl, .json, .csv, .tsv, .txt (each also .gz), .parquet, or a directory of `datasets` or of a hub"
)
_TURN_KEYS = ("'role'", '"role"', "'from'", '"from"')
_MAX_CELL = 50_000_000


class Row(NamedTuple):
    """One row and where it stands: `file:line`, or `file, row N` where a format has no lines."""

    where: str
    value: Any


def read_rows(ref: str | Path, *, limit: int | None = None) -> Iterator[Row]:
    """Rows of a file, by its ending. Plain text gives `{"prompt": line}`.

    A directory with several splits, as `datasets` saves it or as a hub gives it, is named `DIR#split`; `DIR/*.parquet`
    is all such files in order, `FILE.json#key` one of several lists. Raises PromptFileError.
    """
    yield from islice(_open(ref), limit)


def holds_rows(folder: Path) -> bool:
    """Whether a directory is a data set: as `datasets` saves it, or with data files as a hub gives them."""
    if _saved(folder):
        return True
    try:
        return files_of(folder, "") is not None
    except PromptFileError:
        # several splits: which one is asked where it is read
        return True


def _saved(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("dataset_dict.json", "state.json"))


def _open(ref: str | Path) -> Iterator[Row]:
    name, _, split = str(ref).partition("#") if not os.path.exists(ref) else (str(ref), "", "")
    path = Path(name)
    # os.path, because a name that no file system takes is only a file that is not there
    if os.path.isdir(path):
        return _directory_rows(path, split)
    if not os.path.exists(path) and (shards := _matching(name)):
        return chain.from_iterable(map(_file_rows, shards))
    return _file_rows(path, split, name)


def _file_rows(path: Path, key: str = "", name: str = "") -> Iterator[Row]:
    if not os.path.exists(path):
        # as it was written: an address keeps its //
        raise PromptFileError(f"{_shown(name or str(path))}: {_missing(path)}")
    ending = _ending(path)
    if ending not in _READERS:
        # what is no file has no ending to speak of
        open_regular(path, PromptFileError).close()
        raise PromptFileError(f"{_shown(str(path))}: do not know the ending {path.suffix!r}; give {FORMATS}")
    if ending == ".json":
        return _json_rows(path, key)
    if key:
        raise PromptFileError(f"{path}: is one list of rows; leave `#{key}` out")
    return _READERS[ending](path)


def _missing(path: Path) -> str:
    if os.path.islink(path):
        return "is a link to what is not there; mend the link"
    return f"no such file; give {FORMATS}"


def _ending(path: Path) -> str:
    """`.jsonl`, also of `.jsonl.gz`."""
    suffix = path.suffix.lower()
    if suffix != ".gz":
        return suffix
    inner = Path(path.stem).suffix.lower()
    return inner if inner != ".parquet" else suffix


def _matching(pattern: str) -> list[Path]:
    """The files of a pattern that no shell has replaced, in order of their names."""
    if not set(pattern) & set("*?") or "\0" in pattern:
        return []
    return [path for each in sorted(glob(pattern, recursive=True)) if (path := Path(each)).is_file()]


def _directory_rows(path: Path, split: str) -> Iterator[Row]:
    if not _saved(path):
        files = files_of(path, split)
        if files is not None:
            return chain.from_iterable(map(_file_rows, files))
    return itertools.starmap(Row, dataset_rows(path, split, FORMATS))


def _shown(text: str) -> str:
    return text if len(text) <= 200 else text[:197] + "..."


def _jsonl_rows(path: Path) -> Iterator[Row]:
    for number, text in numbered_lines(path):
        where = f"{path}:{number}"
        yield Row(where, parse_json(text, where, PromptFileError, "each line must be one JSON object"))


def _json_rows(path: Path, key: str) -> Iterator[Row]:
    text = whole_text(path)
    if not key and text.lstrip().startswith("["):
        # one at a time: a list takes many times the memory of its text
        for number, value in enumerate(json_items(text, str(path), PromptFileError, "mend that line"), 1):
            yield Row(f"{path}, row {number}", value)
        return
    try:
        rows = parse_json(text, str(path), PromptFileError, "mend that line", lines=True)
    except PromptFileError:
        if not _is_lines(path):
            raise
        del text
        yield from _jsonl_rows(path)  # many call JSON Lines so
        return
    for place, value in json_rows(rows, str(path), key):
        yield Row(f"{path}, {place}", value)


def _is_lines(path: Path) -> bool:
    """Whether the first two lines of a file are an object each."""
    try:
        head = [json.loads(text) for _, text in islice(numbered_lines(path), 2)]
    except (ValueError, RecursionError):
        return False
    return len(head) == 2 and all(isinstance(each, dict) for each in head)


def _csv_rows(path: Path) -> Iterator[Row]:
    csv.field_size_limit(_MAX_CELL)
    delimiter = "\t" if ".tsv" in path.suffixes[-2:] else ","
    reader = csv.reader(table_lines(path), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    started = 1
    while True:
        with outside(PromptFileError, f"{path}:{started}: broken CSV", "mend that row"):
            cells = next(reader, None)
        if cells is None:
            return
        where, started = f"{path}:{started}", reader.line_num + 1
        if not cells:
            continue
        if header is None:
            header = _header(cells, where)
        elif len(cells) != len(header):
            counts = f"{len(cells)} cells, {len(header)} columns"
            message = f"{where}: {counts}; quote cells that hold a {delimiter!r}"
            raise PromptFileError(message)
        else:
            turns = (_turns(cell, where, name) for name, cell in zip(header, cells, strict=True))
            yield Row(where, dict(zip(header, turns, strict=True)))


def _turns(cell: str, where: str, name: str) -> Any:
    """A cell of turns as those: a table has text only, and writes them as JSON, or as Python does."""
    if not cell.startswith("[{") or not any(key in cell for key in _TURN_KEYS):
        return cell
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        whole = isinstance(found, list) and all(isinstance(each, dict) for each in found)
        # a text about turns is a text
        return found if whole and all(_is_turn(each) for each in found) else cell
    if cell.startswith("[{'"):
        raise PromptFileError(
            f"{where}: {name!r} holds turns as some library shows them, and nothing reads that back; save JSON Lines"
        )
    return cell


def _is_turn(value: Mapping[str, Any]) -> bool:
    said = {"content", "tool_calls", "function_call"} & value.keys()
    return ("role" in value and bool(said)) or {"from", "value"} <= value.keys()


def _header(cells: list[str], where: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    if len(set(names)) != len(names):
        raise PromptFileError(f"{where}: two columns have the same name; rename one")
    return names


def _text_rows(path: Path) -> Iterator[Row]:
    for number, text in numbered_lines(path):
        yield Row(f"{path}:{number}", {"prompt": text})


def _parquet_rows(path: Path) -> Iterator[Row]:
    return itertools.starmap(Row, parquet_rows(path))


_READERS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _jsonl_rows,
    ".ndjson": _jsonl_rows,
    ".json": lambda path: _json_rows(path, ""),
    ".csv": _csv_rows,
    ".tsv": _csv_rows,
    ".parquet": _parquet_rows,
    ".txt": _text_rows,
}
