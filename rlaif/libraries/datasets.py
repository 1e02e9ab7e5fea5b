"""The one place that knows `datasets`: directories saved by it, tables of rows, its bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from rlaif.libraries.versions import importing

with importing("datasets"):
    from datasets import Dataset, DatasetDict, Features, List, Value, load_from_disk
    from datasets.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

__all__ = ["Dataset", "DatasetDict", "load_from_disk", "save_directory", "save_parquet"]

NAME = "datasets"
Kind = Literal["turns", "text", "number"]
_FEATURES = {
    "turns": List({"role": Value("string"), "content": Value("string")}),
    "text": Value("string"),
    "number": Value("float64"),
}


def save_directory(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, Kind], folder: Path) -> None:
    """Write rows as a directory that `load_from_disk` opens; every column has the kind that is said of it."""
    with _quiet():
        _table(rows, kinds).save_to_disk(str(folder))


def save_parquet(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, Kind], path: Path) -> None:
    """Write rows as one Parquet file; every column has the kind that is said of it."""
    with _quiet():
        _table(rows, kinds).to_parquet(str(path))


def _table(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, Kind]) -> Dataset:
    features = Features({name: _FEATURES[kind] for name, kind in kinds.items()})
    return Dataset.from_list([dict(row) for row in rows], features=features)


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
