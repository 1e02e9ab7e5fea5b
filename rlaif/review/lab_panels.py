"""What a lab found in pictures: gold and proxy by how far the policy has gone, the mean over seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import fsum
from typing import Any

from rlaif.review.charts import COLOURS
from rlaif.review.panels import LinePanel

_FAR = "sqrt(KL) to the first policy, nats"
_DEVIATIONS = "deviations of the first policy"


def lab_panels(lab: Mapping[str, Any]) -> list[LinePanel]:
    """Two panels for each method, gold and proxy; of many groups several, for a page has four colours."""
    methods: dict[str, list[Mapping[str, Any]]] = {}
    for each in lab["groups"]:
        methods.setdefault(each["method"], []).append(each)
    return [
        panel
        for method, own in methods.items()
        for start in range(0, len(own), COLOURS)
        for panel in _both(method, own[start : start + COLOURS], lab["gold_by"])
    ]


def _both(method: str, groups: Sequence[Mapping[str, Any]], gold_by: str) -> Iterator[LinePanel]:
    """Gold, then the proxy; runs of different lengths share the axis, each with its own points."""
    for field, title, y in (("gold", gold_by, "share of principles met"), ("proxy", "proxy", _DEVIATIONS)):
        curves = {each["group"]: _mean_curve(each["curves"], field) for each in groups}
        at = sorted({x for curve in curves.values() for x in curve})
        series = {name: [curve.get(x) for x in at] for name, curve in curves.items()}
        known = [value for curve in curves.values() for value in curve.values()]
        low, top = (0.0, 1.0) if field == "gold" else (min(known), max(known))
        yield LinePanel(title=f"{method}: {title}", x=_FAR, y=y, series=series, at=at, low=low, top=top)


def _mean_curve(curves: Sequence[Mapping[str, Any]], field: str) -> dict[float, float]:
    """The mean of the seeds' curves, point by point, as far as all of them go."""
    points = min(len(each["distance"]) for each in curves)
    return {
        fsum(each["distance"][place] for each in curves) / len(curves): fsum(
            each[field][place] for each in curves
        )
        / len(curves)
        for place in range(points)
    }
