"""What a picture shows, apart from how it is drawn: pages draw a panel as inline SVG, `rlaif plot` with matplotlib.

One panel is one pair of axes. What is in it, what its axes are called and which unit they have stands in it once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, assert_never

from rlaif.review import charts


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePanel:
    """Named series over one axis."""

    title: str
    x: str
    """What the horizontal axis is, with its unit."""
    y: str
    series: Mapping[str, Sequence[float | None]]
    """By name, a value for each place; a None leaves a gap."""
    at: Sequence[float]
    """The places, rising."""
    low: float = 0.0
    """The lowest value that the vertical axis holds."""
    top: float | None = None
    """The highest; None: 1 for shares, else the highest that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramPanel:
    """Counts by bin, of one or several series."""

    title: str
    x: str
    y: str
    series: Mapping[str, Sequence[int]]
    edges: Sequence[float]
    digits: int = 0
    """Digits behind the point of a bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPanel:
    """What is said against what is true, in bins of (size, mean said, share true)."""

    title: str
    bins: Sequence[tuple[int, float, float]]
    x: str = "label probability, mean of a bin"
    y: str = "share that is right"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePanel:
    """A row for each principle, before and after."""

    title: str
    x: str
    rows: Sequence[charts.PrincipleChange]
    names: tuple[str, str]
    """What before and after are."""


class IntervalRow(NamedTuple):
    """A figure with its interval."""

    name: str
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalPanel:
    """Figures with their 95 % intervals, below each other, beside the value that would be no effect."""

    title: str
    x: str
    rows: Sequence[IntervalRow]
    reference: float | None = None
    says: str = ""
    """What the reference is, in words."""
    limits: tuple[float, float] = (0.0, 1.0)
    """The ends of the horizontal axis."""


Panel: TypeAlias = LinePanel | HistogramPanel | CalibrationPanel | ChangePanel | IntervalPanel


def inline(panel: Panel) -> str:
    """A panel as markup for a page; empty where nothing is known."""
    match panel:
        case LinePanel():
            return charts.lines(
                panel.title, panel.series, low=panel.low, top=panel.top, at=panel.at, x=panel.x
            )
        case HistogramPanel():
            return charts.histogram(panel.title, panel.series, panel.edges, digits=panel.digits, x=panel.x)
        case CalibrationPanel():
            return charts.reliability(panel.title, panel.bins, x=panel.x)
        case ChangePanel():
            return charts.changes(panel.rows, names=panel.names)
        case IntervalPanel():
            return charts.intervals(
                panel.title,
                [(each.name, each.value, each.low, each.high) for each in panel.rows],
                reference=panel.reference,
                limits=panel.limits,
            )
        case _:
            assert_never(panel)


def all_inline(panels: Sequence[Panel]) -> list[str]:
    """The markup of those of which something is known."""
    return [drawn for each in panels if (drawn := inline(each))]
