"""Panels on axes of matplotlib, and plots that are nothing but panels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, assert_never

from rlaif.review.charts import ENOUGH
from rlaif.review.panels import (
    CalibrationPanel,
    ChangePanel,
    HistogramPanel,
    IntervalPanel,
    LinePanel,
    Panel,
)
from rlaif.review.plots.plot import HEIGHT, WIDTH, Plot, PlotSize, PlotSource
from rlaif.review.plots.style import line_style

LISTED = 0.24
"""Inches of a row of a panel that lists principles."""
MOST_LETTERS = 40
"""Of a name on an axis."""


def panel_plot(*, name: str, help: str, of: str, read: Callable[[PlotSource], Sequence[Panel]]) -> Plot:
    """A kind of plot that draws panels side by side."""
    return Plot(name=name, help=help, of=of, read=read, draw=draw_panels, size=panels_size)


def panels_size(panels: Sequence[Panel]) -> PlotSize:
    """As wide as two panels, where there are two; rows of listed principles are as high as these need."""
    return PlotSize(WIDTH * _columns(panels), sum(_heights(panels)))


def draw_panels(panels: Sequence[Panel], figure: Any) -> None:
    """Draw all of them, two beside each other."""
    columns, heights = _columns(panels), _heights(panels)
    grid = figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights)
    places = [each for row in grid for each in row]
    for axes, panel in zip(places, panels, strict=False):
        draw_panel(panel, axes)
    for axes in places[len(panels) :]:
        axes.set_axis_off()


def draw_panel(panel: Panel, axes: Any) -> None:
    """Draw one, with the names of its axes and a legend in words."""
    axes.set(title=panel.title, xlabel=panel.x)
    match panel:
        case LinePanel():
            _draw_lines(panel, axes)
        case HistogramPanel():
            _draw_histogram(panel, axes)
        case CalibrationPanel():
            _draw_calibration(panel, axes)
        case ChangePanel():
            _draw_changes(panel, axes)
        case IntervalPanel():
            _draw_intervals(panel, axes)
        case _:
            assert_never(panel)


def _columns(panels: Sequence[Panel]) -> int:
    listed = any(isinstance(each, ChangePanel | IntervalPanel) for each in panels)
    return 1 if listed else min(2, len(panels))


def _heights(panels: Sequence[Panel]) -> list[float]:
    columns = _columns(panels)
    return [
        max(_height(each) for each in panels[start : start + columns])
        for start in range(0, len(panels), columns)
    ]


def _height(panel: Panel) -> float:
    listed = len(panel.rows) if isinstance(panel, ChangePanel | IntervalPanel) else 0
    return HEIGHT if listed == 0 else max(1.6, 0.9 + LISTED * listed)


def _draw_lines(panel: LinePanel, axes: Any) -> None:
    values = [value for each in panel.series.values() for value in each if value is not None]
    for place, (name, own) in enumerate(panel.series.items()):
        known = [(x, value) for x, value in zip(panel.at, own, strict=False) if value is not None]
        # a mark at each of a thousand steps would hide the line
        each_th = max(1, len(known) // 12)
        axes.plot(*zip(*known, strict=True), label=name, markevery=each_th, **line_style(place))
    top = panel.top if panel.top is not None else 1.0 if max(values) <= 1 and panel.low >= 0 else None
    low = min([panel.low, *values])
    room = 0.05 * (max([*values, *([] if top is None else [top])]) - low or 1.0)
    axes.set_ylim(bottom=low - room, top=max([*values, *([] if top is None else [top])]) + room)
    axes.set_ylabel(panel.y)
    if all(each == int(each) for each in panel.at):
        axes.xaxis.get_major_locator().set_params(integer=True)
    if len(panel.series) > 1:
        axes.legend(loc="best")


def _draw_histogram(panel: HistogramPanel, axes: Any) -> None:
    edges = list(panel.edges)
    wide = [(after - before) / len(panel.series) for before, after in pairwise(edges)]
    for place, (name, counts) in enumerate(panel.series.items()):
        left = [edge + place * each for edge, each in zip(edges, wide, strict=False)]
        colour = line_style(place)["color"]
        axes.bar(left, counts, width=[0.92 * each for each in wide], align="edge", color=colour, label=name)
    axes.set_ylabel(panel.y)
    if len(panel.series) > 1:
        axes.legend(loc="best")


def _draw_calibration(panel: CalibrationPanel, axes: Any) -> None:
    axes.plot([0, 1], [0, 1], color="0.5", linestyle="--", label="means what it says")
    large = [each for each in panel.bins if each[0] >= ENOUGH]
    small = [each for each in panel.bins if each[0] < ENOUGH]
    if large:
        axes.plot(
            [each[1] for each in large], [each[2] for each in large], label="the judge", **line_style(0)
        )
    if small:
        style = line_style(0) | {"linestyle": "", "markerfacecolor": "white"}
        label = f"fewer than {ENOUGH} labels"
        axes.plot([each[1] for each in small], [each[2] for each in small], label=label, **style)
    for size, across, up in panel.bins:
        axes.annotate(str(size), (across, up), textcoords="offset points", xytext=(5, -10), fontsize=8)
    axes.set(xlim=(0, 1), ylim=(0, 1.03), ylabel=panel.y)
    axes.legend(loc="upper left")


def _draw_changes(panel: ChangePanel, axes: Any) -> None:
    rows = list(reversed(panel.rows))
    for place, each in enumerate(rows):
        if each.before is not None and each.after is not None:
            axes.plot([each.before, each.after], [place, place], color="0.6", linewidth=1)
    for number, (name, field) in enumerate(zip(panel.names, ("before", "after"), strict=True)):
        known = [
            (value, place) for place, each in enumerate(rows) if (value := getattr(each, field)) is not None
        ]
        style = line_style(number) | {"linestyle": ""}
        axes.plot([x for x, _ in known], [y for _, y in known], label=name, **style)
    axes.set_yticks(range(len(rows)), [_cut(each.name) for each in rows])
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.7, len(rows) - 0.3))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    axes.set_title(panel.title, pad=20)


def _draw_intervals(panel: IntervalPanel, axes: Any) -> None:
    rows = list(reversed(panel.rows))
    if panel.reference is not None:
        axes.axvline(panel.reference, color="0.4", linestyle="--", linewidth=1, label=panel.says)
    style = line_style(0) | {"linestyle": ""}
    below = [0.0 if each.low is None else each.value - each.low for each in rows]
    above = [0.0 if each.high is None else each.high - each.value for each in rows]
    known = any(each.low is not None for each in rows)
    label = "value and 95 % interval" if known else "value"
    values, places = [each.value for each in rows], range(len(rows))
    axes.errorbar(values, places, xerr=[below, above], capsize=2, label=label, **style)
    axes.set_yticks(places, [_cut(each.name) for each in rows])
    room = 0.03 * (panel.limits[1] - panel.limits[0])
    axes.set(xlim=(panel.limits[0] - room, panel.limits[1] + room), ylim=(-0.7, len(rows) - 0.3))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    axes.set_title(panel.title, pad=20)


def _cut(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 3]}..."
