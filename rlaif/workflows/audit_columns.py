"""Judgments as columns: ids become places, rows are not kept."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaif.auditing.evidence import STATES, Comparisons, Looks
from rlaif.errors import RunError
from rlaif.exchange.rows import read_rows
from rlaif.records import Completion, State

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Floats

WHOLE = "whole"
"""Stands for the constitution as one, in judgments that name no principle."""
_STATE = {each.value: place for place, each in enumerate(STATES)}


class Places:
    """Ids to places in a column; new names of principles are taken up."""

    def __init__(self, completions: Sequence[Completion], principles: Sequence[str]) -> None:
        self.completion = {each.id: place for place, each in enumerate(completions)}
        self.principle = {name: place for place, name in enumerate(principles)}

    def of(self, principle: str | None) -> int:
        return self.principle.setdefault(principle or WHOLE, len(self.principle))


def read_looks(path: Path, places: Places) -> Looks:
    import numpy as np

    completion, principle, state, value = array("q"), array("q"), array("q"), array("d")
    for row in _rows(path):
        (only,) = row["completion_ids"]
        if (place := places.completion.get(only)) is not None:
            completion.append(place)
            principle.append(places.of(row["principle_id"]))
            state.append(_STATE[row["state"]])
            value.append(float("nan") if row["value"] is None else row["value"])
    found = np.asarray(value)
    return Looks(
        completion=np.asarray(completion, dtype=np.int64),
        principle=np.asarray(principle, dtype=np.int64),
        state=np.asarray(state, dtype=np.int64),
        value=_share(found),
    )


def _share(values: Floats) -> Floats:
    """Ratings as a share of the range that was used: an audit compares, it does not grade."""
    import numpy as np

    if not len(values) or np.isnan(values).all() or (np.nanmin(values) >= 0 and np.nanmax(values) <= 1):
        return values
    low, high = np.nanmin(values), np.nanmax(values)
    return np.asarray((values - low) / (high - low)) if high > low else np.full_like(values, 0.5)


def read_comparisons(path: Path, places: Places) -> Comparisons:
    import numpy as np

    first, second, principle, state, value = (array("q"), array("q"), array("q"), array("q"), array("d"))
    for row in _rows(path):
        one, other = (places.completion.get(each) for each in row["completion_ids"])
        if one is not None and other is not None:
            first.append(one)
            second.append(other)
            principle.append(places.of(row["principle_id"]))
            state.append(_STATE[row["state"]])
            tie = 0.5 if row["state"] == State.TIE else float("nan")
            value.append(tie if row["value"] is None else row["value"])
    return Comparisons(
        first=np.asarray(first, dtype=np.int64),
        second=np.asarray(second, dtype=np.int64),
        principle=np.asarray(principle, dtype=np.int64),
        state=np.asarray(state, dtype=np.int64),
        value=np.asarray(value, dtype=float),
    )


def _rows(path: Path) -> Any:
    if not path.is_file():
        return
    for where, row in read_rows(path):
        try:
            if row["state"] not in _STATE or not row["completion_ids"]:
                raise KeyError(row["state"])
            yield row
        except (KeyError, TypeError) as wrong:
            raise RunError(f"{where}: is no judgment of ours ({wrong}); judge again") from None
