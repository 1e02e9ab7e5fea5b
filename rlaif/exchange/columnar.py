"""Rows of Parquet files and of `datasets` directories, a batch at a time: memory is bounded by what is unpacked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaif.boundary import outside
from rlaif.errors import PromptFileError
from rlaif.exchange.cells import json_form
from rlaif.exchange.columns import TOOLS
from rlaif.exchange.text_files import MAX_RATIO, MAX_UNPACKED, UnpackedSize
from rlaif.exchange.turn_cells import has_turns, without_gaps
from rlaif.plain_files import kind_of_bytes, open_regular

if TYPE_CHECKING:
    from pyarrow import Array, RecordBatch

BATCH = 1024
"""Rows that are decoded at once."""
MAX_AT_ONCE = 64 << 20
"""Bytes that become values of Python at once."""
_FREE_ROWS, _ROWS_A_BYTE = 1_000_000, 8
_AGAIN = "write the file again"


def parquet_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Place and value of each row. Raises PromptFileError, also for a file that unpacks to far more than it is."""
    import pyarrow.parquet

    with open_regular(path, PromptFileError) as stream:
        size = path.stat().st_size
        kind = kind_of_bytes(stream.read(64))
        stream.seek(0)
        if kind is not None and "Parquet" not in kind:
            raise PromptFileError(f"{path}: no Parquet file: it is {kind}; name it so, or fetch it again")
        told = f"{path}: no readable Parquet file"
        with outside(PromptFileError, told, _AGAIN):
            held = pyarrow.parquet.ParquetFile(stream)
            texts = _check(held.metadata, path, size)
            # texts stay in their dictionary: a page of a few bytes may repeat a long one for each of many rows
            held = pyarrow.parquet.ParquetFile(stream, read_dictionary=texts)
            batches = held.iter_batches(batch_size=BATCH)
        yield from _rows(_next(batches, told), path, size)


def dataset_rows(path: Path, split: str, formats: str) -> Iterator[tuple[str, Any]]:
    """Place and value of each row of a directory that `datasets` saved. Raises PromptFileError."""
    from rlaif.libraries.datasets import DatasetDict, arrow_batches, load_from_disk

    with outside(PromptFileError, f"{path}: not a directory saved by `datasets`", f"give {formats}"):
        loaded = load_from_disk(str(path))
    if isinstance(loaded, DatasetDict):
        names = ", ".join(loaded)
        if split not in loaded and (split or len(loaded) != 1):
            raise PromptFileError(f"{path}: has the splits {names}; name one as {path}#split")
        loaded = loaded[split or next(iter(loaded))]
    elif split:
        raise PromptFileError(f"{path}: has no splits; leave `#{split}` out")
    size = sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    told = f"{path}: cannot be read"
    with outside(PromptFileError, told, "save the data set again"):
        batches = arrow_batches(loaded, BATCH)
    yield from _rows(_next(batches, told), path, size)


def _check(metadata: Any, path: Path, size: int) -> list[str]:
    """The columns of bytes. Raises PromptFileError where the file says of itself that it is a bomb."""
    most = max(MAX_UNPACKED, MAX_RATIO * size)
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    columns = [group.column(place) for group in groups for place in range(group.num_columns)]
    unpacked = sum(each.total_uncompressed_size for each in columns)
    # rows that differ need a bit each
    rows = metadata.num_rows > _FREE_ROWS + _ROWS_A_BYTE * size
    if unpacked > most or rows or any(each.num_values > most for each in columns):
        raise PromptFileError(
            f"{path}: its {size:,} bytes say that they hold {metadata.num_rows:,} rows, {unpacked:,} bytes unpacked; "
            "that is no data, write it again"
        )
    return sorted({each.path_in_schema for each in columns if each.physical_type == "BYTE_ARRAY"})


def _next(batches: Iterable[RecordBatch], told: str) -> Iterator[RecordBatch]:
    """The batches; a fault while one is decoded is told."""
    held = iter(batches)
    while True:
        with outside(PromptFileError, told, _AGAIN):
            batch = next(held, None)
        if batch is None:
            return
        yield batch


def _rows(batches: Iterable[RecordBatch], path: Path, size: int) -> Iterator[tuple[str, Any]]:
    count, number = UnpackedSize(path, size), 0
    for batch in batches:
        with outside(PromptFileError, f"{path}: cannot be read", _AGAIN):
            most = sum(map(_bound, batch.columns))
        # as many rows as fit if each held the longest value
        step = batch.num_rows if most <= MAX_AT_ONCE else 1
        for start in range(0, batch.num_rows, step):
            part = batch.slice(start, step)
            with outside(PromptFileError, f"{path}, row {number + 1}: cannot be read", _AGAIN):
                count.add(sum(map(_unpacked, part.columns)))
            for value in _values(part, path, number):
                number += 1
                yield f"{path}, row {number}", value


def _values(batch: RecordBatch, path: Path, before: int) -> list[dict[str, Any]]:
    try:
        rows = batch.to_pylist()
    except (ArithmeticError, LookupError, TypeError, ValueError):  # the cell is looked for, and told
        rows = [_row(batch, place, f"{path}, row {before + place + 1}") for place in range(batch.num_rows)]
    return [_kept(row, f"{path}, row {before + place + 1}") for place, row in enumerate(rows)]


def _row(batch: RecordBatch, place: int, where: str) -> dict[str, Any]:
    found = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        with outside(
            PromptFileError, f"{where}: column {name!r} cannot be read", "mend that cell, or take it out"
        ):
            found[name] = column[place].as_py()
    return found


def _kept(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    # columnar files have a cell for every column; an empty one is an absent key
    return {
        key: item if isinstance(item, str | int | float) else _cell(item, where, key)
        for key, item in row.items()
        if item is not None
    }


def _cell(value: Any, where: str, column: str) -> Any:
    found = json_form(value, where, column)
    return without_gaps(found) if column in TOOLS or has_turns(found) else found


def _bound(column: Array) -> int:
    """The most bytes that the values of a column can come to, from what is decoded, without looking at each."""
    kind = column.type
    if _is_dictionary(kind):
        words = column.dictionary
        longest = max((_longest(words), 8))
        return int(len(column) * longest)
    if inner := _inner(column):
        return int(column.nbytes + sum(map(_bound, inner)))
    return int(column.nbytes)


def _unpacked(column: Array) -> int:
    """Bytes of the values of a column, each counted as often as it stands there."""
    import pyarrow.compute as pc

    kind = column.type
    if _is_dictionary(kind):
        if not _is_text(kind.value_type):
            return int(column.nbytes)
        lengths = pc.binary_length(column.dictionary)
        return int(pc.sum(lengths.take(column.indices)).as_py() or 0)
    if inner := _inner(column):
        return sum(map(_unpacked, inner)) + len(column)
    return int(column.nbytes) + len(column)


def _inner(column: Array) -> list[Array]:
    from pyarrow import types

    kind = column.type
    if types.is_struct(kind):
        return list(column.flatten())
    if types.is_map(kind):
        # flatten of a slice: only what its rows hold
        start, end = column.offsets[0].as_py(), column.offsets[len(column)].as_py()
        return [each.slice(start, end - start) for each in (column.keys, column.items)]
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return [column.flatten()]
    return []


def _longest(words: Array) -> int:
    import pyarrow.compute as pc

    if not _is_text(words.type):
        return int(words.nbytes)
    return int(pc.max(pc.binary_length(words)).as_py() or 0)


def _is_dictionary(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_dictionary(kind))


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return any(
        ask(kind) for ask in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    )
