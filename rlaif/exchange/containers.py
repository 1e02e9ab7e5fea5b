"""How the rows of a split become files: JSON lines, a JSON list, Parquet, or a directory of `datasets`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.atomic import write_lines, write_text
from rlaif.exchange.turn_cells import as_cells

Container = Callable[[Path, str, Sequence[Mapping[str, Any]]], tuple[Path, ...]]
"""From a folder, the split's name and its rows to the files that were written."""


def json_lines(folder: Path, split: str, rows: Sequence[Mapping[str, Any]]) -> tuple[Path, ...]:
    """Write `SPLIT.jsonl`: an object a line."""
    path = folder / f"{split}.jsonl"
    write_lines(path, map(_json, rows))
    return (path,)


def json_list(folder: Path, split: str, rows: Sequence[Mapping[str, Any]]) -> tuple[Path, ...]:
    """Write `SPLIT.json`: one list, an object a line."""
    path = folder / f"{split}.json"
    write_text(path, "[\n" + ",\n".join(map(_json, rows)) + "\n]\n")
    return (path,)


def parquet(folder: Path, split: str, rows: Sequence[Mapping[str, Any]]) -> tuple[Path, ...]:
    """Write `SPLIT.parquet` of rows of prompt, chosen and rejected turns."""
    from rlaif.libraries.datasets import save_parquet

    path = folder / f"{split}.parquet"
    cells = [as_cells(row) for row in rows]
    save_parquet(cells, _kinds(cells), path)
    return (path,)


def dataset_directory(folder: Path, split: str, rows: Sequence[Mapping[str, Any]]) -> tuple[Path, ...]:
    """Write the directory `SPLIT`, which `datasets.load_from_disk` opens."""
    from rlaif.libraries.datasets import save_directory

    cells = [as_cells(row) for row in rows]
    save_directory(cells, _kinds(cells), folder / split)
    return tuple(sorted(path for path in (folder / split).rglob("*") if path.is_file()))


def _json(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)


def _kinds(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    kinds = dict.fromkeys(("prompt", "chosen", "rejected"), "turns") | {"id": "text", "tools": "text"}
    kinds |= dict.fromkeys(("label_prob", "weight", "margin"), "number")
    names = dict.fromkeys(name for row in rows for name in row)
    return {
        name: kinds[name] for name in names or (each for each in kinds if each not in ("margin", "tools"))
    }
