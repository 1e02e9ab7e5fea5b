"""Pairs and figures as tables of other libraries: `datasets.Dataset`, and pandas data frames made of one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rlaif.exchange.pairs import pair_row
from rlaif.exchange.turn_cells import as_cells
from rlaif.libraries.datasets import Dataset, Kind, table
from rlaif.libraries.versions import importing
from rlaif.records import Pair

if TYPE_CHECKING:
    from pandas import DataFrame

_JSON = ("principles", "provenance")
"""Columns of JSON text: their keys differ from row to row, which a table does not allow."""
_LATE = ("tools", "truncated")
"""Columns that rows have only where they say something."""
_KINDS: Mapping[str, Kind] = {
    "id": "text",
    "prompt": "turns",
    "chosen": "turns",
    "rejected": "turns",
    "label_prob": "number",
    "weight": "number",
    "score_gap": "number",
    "chosen_score": "number",
    "rejected_score": "number",
    "principles": "text",
    "order_consistent": "flag",
    "critique": "text",
    "revision_of": "text",
    "round": "count",
    "provenance": "text",
}


def pairs_dataset(pairs: Iterable[Pair]) -> Dataset:
    """Pairs with the columns of `pairs.jsonl`: TRL's trainers read `prompt`, `chosen` and `rejected`.

    `principles`, `provenance` and `tools` are JSON text, as in `pairs.parquet`, and so are the arguments of calls.
    """
    rows = [as_cells(pair_row(pair)) for pair in pairs]
    late: dict[str, Kind] = {name: "text" for name in _LATE if any(name in row for row in rows)}
    return table(
        [{**row, **{name: json.dumps(row[name], ensure_ascii=False) for name in _JSON}} for row in rows],
        {**_KINDS, **late},
    )


def figures_dataset(rows: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> Dataset:
    """Rows of figures, None where there is none; `texts` names the columns that hold text."""
    names = dict.fromkeys(name for row in rows for name in row)
    return table(rows, {name: "text" if name in texts else "number" for name in names})


def data_frame(dataset: Dataset) -> DataFrame:
    """A data frame with the columns of a dataset.

    Raises LibraryError where pandas is missing; it comes with `datasets`.
    """
    with importing("pandas"):
        import pandas as _  # noqa: F401

    frame: DataFrame = dataset.to_pandas()
    return frame
