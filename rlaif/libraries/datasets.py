"""The one place that knows `datasets`: directories saved by it, tables of rows, its bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rlaif.libraries.versions import importing

with importing("datasets"):
    from datasets import Dataset, DatasetDict, Features, List, Value, load_from_disk
    from datasets.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

if TYPE_CHECKING:
    from pyarrow import RecordBatch

__all__ = [
    "Dataset",
    "DatasetDict",
    "arrow_batches",
    "load_from_disk",
    "save_directory",
    "save_parquet",
    "table",
]

NAME = "datasets"
Kind = Literal["turns", "text", "number", "count", "flag"]
_CALL = {
    "id": Value("string"),
    "type": Value("string"),
    "function": {"name": Value("string"), "arguments": Value("string")},
}
_FEATURES = {
    "text": Value("string"),
    "number": Value("float64"),
    "count": Value("int64"),
    "flag": Value("bool"),
}


def arrow_batches(dataset: Dataset, rows: int) -> Iterator[RecordBatch]:
    """The rows of a dataset as they are stored, so many at a time: pictures and sounds are not decoded."""
    for each in dataset.with_format("arrow").iter(batch_size=rows):
        yield from each.to_batches()


def save_directory(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, Kind], folder: Path) -> None:
    """Write rows as a directory that `load_from_disk` opens; every column has the kind that is said of it."""
    with _quiet():
        table(rows, kinds).save_to_disk(str(folder))


def save_parquet(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, Kind], path: Path) -> None:
    """Write rows as one Parquet file; every column has the kind that is said of it."""
    with _quiet():
        table(rows, kinds).to_parquet(str(path))


def table(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, Kind]) -> Dataset:
    """Rows as a dataset; every column has the kind that is said of it, also where it holds nothing.

    Turns have `role` and `content`, and the further keys that any turn of any row has: `tool_calls` are calls whose
    arguments are text, every other key is text.
    """
    turned = [name for name, kind in kinds.items() if kind == "turns"]
    keys = dict.fromkeys(["role", "content"])
    keys |= dict.fromkeys(
        key for row in rows for name in turned for turn in row.get(name) or () for key in turn
    )
    turns = List({key: List(_CALL) if key == "tool_calls" else Value("string") for key in keys})
    features = Features({name: turns if name in turned else _FEATURES[kind] for name, kind in kinds.items()})
    # column by column: `from_list` knows no column where there is no row
    return Dataset.from_dict({name: [row.get(name) for row in rows] for name in kinds}, features=features)


@contextmanager
def _quiet() -> Iterator[None]:
    """`datasets` draws its bars into logs too; what was set before comes back."""
    before = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not before:
            enable_progress_bars()
