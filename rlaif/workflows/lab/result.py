"""What the cells come to: curves by group, their fits, and the check of best-of-n's KL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.auditing.intervals import Interval
from rlaif.auditing.overoptimisation import Fit, GoldCurve, fit
from rlaif.workflows.lab.cell import LabCell
from rlaif.workflows.lab.methods import METHODS

Record = Mapping[str, Any]


def cell_of(record: Record) -> LabCell:
    """The cell that a record is of."""
    return LabCell(**record["cell"])


def groups(records: Sequence[Record]) -> dict[str, list[Record]]:
    """The records of each cell, its seeds together, in the order in which they were made."""
    found: dict[str, list[Record]] = {}
    for each in records:
        found.setdefault(cell_of(each).group, []).append(each)
    return found


def curve(record: Record) -> GoldCurve:
    """The gold of a record's points."""
    points = record["points"]
    return GoldCurve(
        distances=tuple(each["distance"] for each in points),
        gold=tuple(tuple(each["gold"]) for each in points),
    )


def summed(records: Sequence[Record], gold_by: str, *, seed: int) -> dict[str, Any]:
    """The result of the lab, as `lab.json` has it."""
    found = []
    for name, own in groups(records).items():
        method = METHODS[cell_of(own[0]).method]
        fitted = fit(method.form, [curve(each) for each in own], seed=seed)
        accuracies = [each["accuracy"] for each in own]
        golds = [[_mean(point["gold"]) for point in each["points"]] for each in own]
        found.append(
            {
                "group": name,
                "method": method.name,
                "size": cell_of(own[0]).size,
                "labels": cell_of(own[0]).labels,
                "variant": cell_of(own[0]).variant,
                "seeds": [cell_of(each).seed for each in own],
                "accuracy": _mean(accuracies),
                "gold_first": _mean([each[0] for each in golds]),
                "gold_best": _mean([max(each) for each in golds]),
                "gold_last": _mean([each[-1] for each in golds]),
                "proxy_last": _mean([each["points"][-1]["proxy"] for each in own]),
                "distance_last": _mean([each["points"][-1]["distance"] for each in own]),
                "fit": None if fitted is None else _fit(fitted),
                "curves": [_curve(each) for each in own],
            }
        )
    return {
        "gold_by": gold_by,
        "groups": found,
        "best_of_n_kl": [each for record in records for each in record.get("best_of_n_kl", ())],
    }


def _curve(record: Record) -> dict[str, list[float]]:
    points = record["points"]
    return {
        "distance": [each["distance"] for each in points],
        "gold": [_mean(each["gold"]) for each in points],
        "proxy": [each["proxy"] for each in points],
    }


def _fit(found: Fit) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, Interval) else value for name, value in found._asdict().items()
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
