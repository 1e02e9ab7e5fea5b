"""Rows out of other people's files, each with its place. Knows formats, not what a row means."""

from __future__ import annotations

import ast
import csv
import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from glob import glob
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.errors import PromptFileError
from rlaif.exchange.hub import files_of
from rlaif.exchange.json_rows import json_rows

FORMATS = (
    ".jsonl (also .jsonl.gz), .json, .csv, .tsv, .parquet, .txt, or a directory of `datasets` or of a hub"
)
_TURN_KEYS = ("'role'", '"role"', "'from'", '"from"')
_MAX_CELL = 50_000_000
MAX_LINE = 256_000_000
"""Bytes of one line: a file that is longer without a line feed is not lines of rows."""
MAX_WHOLE = 4 * MAX_LINE
"""Bytes of a file that has to be read as one."""


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


def _open(ref: str | Path) -> Iterator[Row]:
    name, _, split = str(ref).partition("#") if not os.path.exists(ref) else (str(ref), "", "")
    path = Path(name)
    # os.path, because a name that no file system takes is only a file that is not there
    if os.path.isdir(path):
        return _directory_rows(path, split)
    if not os.path.isfile(path):
        shards = _matching(name)
        if not shards:
            raise PromptFileError(f"{_shown(name)}: no such file; give {FORMATS}")
        return chain.from_iterable(map(_file_rows, shards))
    return _file_rows(path, split)


def _file_rows(path: Path, key: str = "") -> Iterator[Row]:
    if path.suffix.lower() != ".json" and key:
        raise PromptFileError(f"{path}: is one list of rows; leave `#{key}` out")
    match "".join(path.suffixes[-2:]).lower() if path.suffix.lower() == ".gz" else path.suffix.lower():
        case ".jsonl" | ".ndjson" | ".jsonl.gz":
            return _jsonl_rows(path)
        case ".json":
            return _json_rows(path, key)
        case ".csv" | ".tsv":
            return _csv_rows(path)
        case ".parquet":
            return _parquet_rows(path)
        case ".txt":
            return _text_rows(path)
        case other:
            raise PromptFileError(f"{path}: do not know the ending {other!r}; give {FORMATS}")


def _matching(pattern: str) -> list[Path]:
    """The files of a pattern that no shell has replaced, in order of their names."""
    if not set(pattern) & set("*?") or "\0" in pattern:
        return []
    return [path for each in sorted(glob(pattern, recursive=True)) if (path := Path(each)).is_file()]


def _directory_rows(path: Path, split: str) -> Iterator[Row]:
    if not any((path / name).is_file() for name in ("dataset_dict.json", "state.json")):
        files = files_of(path, split)
        if files is not None:
            return chain.from_iterable(map(_file_rows, files))
    return _dataset_rows(path, split)


def _shown(text: str) -> str:
    return text if len(text) <= 200 else text[:197] + "..."


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    # by bytes: text mode would also end lines at characters that JSON strings may hold
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as stream:
            for number, raw in enumerate(iter(lambda: stream.readline(MAX_LINE + 1), b""), 1):
                if len(raw) > MAX_LINE:
                    raise PromptFileError(
                        f"{path}:{number}: the line is longer than {MAX_LINE:,} bytes; each line must be one row"
                    )
                try:
                    text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as wrong:
                    message = f"{path}:{number}: not UTF-8 ({wrong.reason}); save the file as UTF-8"
                    raise PromptFileError(message) from None
                if text.strip():
                    yield number, text.strip()
    except (gzip.BadGzipFile, EOFError, zlib.error) as wrong:
        raise PromptFileError(f"{path}: broken gzip ({wrong}); fetch the file again") from None
    except OSError as wrong:
        raise PromptFileError(f"{path}: cannot be read ({wrong.strerror}); check its permissions") from None


def _jsonl_rows(path: Path) -> Iterator[Row]:
    for number, text in _lines(path):
        where = f"{path}:{number}"
        yield Row(where, _json(text, where, "each line must be one JSON object"))


def _json(text: str, where: str, remedy: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as wrong:
        raise PromptFileError(
            f"{where}: broken JSON ({wrong.msg} at column {wrong.colno}); {remedy}"
        ) from None
    except RecursionError:
        raise PromptFileError(f"{where}: broken JSON (nested without end); {remedy}") from None


def _json_rows(path: Path, key: str) -> Iterator[Row]:
    if (size := path.stat().st_size) > MAX_WHOLE:
        raise PromptFileError(
            f"{path}: {size:,} bytes are too many for one list; save one object a line as .jsonl"
        )
    try:
        rows = json.loads(path.read_bytes().decode("utf-8-sig"))
    except json.JSONDecodeError as wrong:
        if _is_lines(path):  # many call JSON Lines so
            yield from _jsonl_rows(path)
            return
        message = f"{path}:{wrong.lineno}: broken JSON ({wrong.msg} at column {wrong.colno}); mend that line"
        raise PromptFileError(message) from None
    except RecursionError:
        raise PromptFileError(
            f"{path}: broken JSON (nested without end); it must be a list of rows"
        ) from None
    except UnicodeDecodeError as wrong:
        raise PromptFileError(f"{path}: not UTF-8 ({wrong.reason}); save the file as UTF-8") from None
    except OSError as wrong:
        raise PromptFileError(f"{path}: cannot be read ({wrong.strerror}); check its permissions") from None
    for place, value in json_rows(rows, str(path), key):
        yield Row(f"{path}, {place}", value)


def _is_lines(path: Path) -> bool:
    """Whether the first two lines of a file are an object each."""
    try:
        head = [json.loads(text) for _, text in islice(_lines(path), 2)]
    except (ValueError, RecursionError):
        return False
    return len(head) == 2 and all(isinstance(each, dict) for each in head)


def _csv_rows(path: Path) -> Iterator[Row]:
    csv.field_size_limit(_MAX_CELL)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        header: list[str] | None = None
        started = 1
        try:
            for cells in reader:
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
        except csv.Error as wrong:
            raise PromptFileError(f"{path}:{started}: broken CSV ({wrong}); mend that row") from None
        except UnicodeDecodeError as wrong:
            raise PromptFileError(f"{path}:{started}: not UTF-8 ({wrong.reason}); save it as UTF-8") from None


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
        return (
            found
            if whole and all({"role", "content"} <= {*each} or {"from", "value"} <= {*each} for each in found)
            else cell
        )
    if cell.startswith("[{'"):
        raise PromptFileError(
            f"{where}: {name!r} holds turns as some library shows them, and nothing reads that back; save JSON Lines"
        )
    return cell


def _header(cells: list[str], where: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    if len(set(names)) != len(names):
        raise PromptFileError(f"{where}: two columns have the same name; rename one")
    return names


def _text_rows(path: Path) -> Iterator[Row]:
    for number, text in _lines(path):
        yield Row(f"{path}:{number}", {"prompt": text})


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        number = 0
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches():
            for value in batch.to_pylist():
                number += 1
                yield Row(f"{path}, row {number}", _without_nulls(value))
    except (pyarrow.ArrowException, OSError) as wrong:
        message = f"{path}: no readable Parquet file ({str(wrong)[:120]}); write it again"
        raise PromptFileError(message) from None


def _dataset_rows(path: Path, split: str) -> Iterator[Row]:
    from rlaif.libraries.datasets import Dataset, DatasetDict, load_from_disk

    try:
        loaded = load_from_disk(str(path))
    except (FileNotFoundError, ValueError, OSError) as wrong:
        message = f"{path}: not a directory saved by `datasets` ({str(wrong)[:120]}); give {FORMATS}"
        raise PromptFileError(message) from None
    if isinstance(loaded, DatasetDict):
        names = ", ".join(loaded)
        if split not in loaded and (split or len(loaded) != 1):
            raise PromptFileError(f"{path}: has the splits {names}; name one as {path}#split")
        loaded = loaded[split or next(iter(loaded))]
    elif split:
        raise PromptFileError(f"{path}: has no splits; leave `#{split}` out")
    assert isinstance(loaded, Dataset)
    for number, value in enumerate(_dataset_values(loaded), 1):
        yield Row(f"{path}, row {number}", value)


def _dataset_values(loaded: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for value in loaded:
        yield _without_nulls(value)


def _without_nulls(value: Mapping[str, Any]) -> dict[str, Any]:
    # columnar files have a cell for every column; an empty one is an absent key
    return {key: item for key, item in value.items() if item is not None}
