"""The gain of every recipe under each judge, with its interval: what `rlaif lab table` found."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.errors import InputError, RunError
from rlaif.plain_files import read_json
from rlaif.review.panels import IntervalPanel
from rlaif.review.plots.panel_axes import panel_plot
from rlaif.review.plots.plot import PlotSource
from rlaif.review.table_panels import table_panels
from rlaif.runs.layout import TABLE


def _read(source: PlotSource) -> Sequence[IntervalPanel]:
    path = source.run / TABLE
    if not path.is_file():
        raise InputError(f"{source.run}: has no {TABLE}; make it by `rlaif lab table --out {source.run}`")
    found = list(table_panels(read_json(path, RunError, "remove it, and run `rlaif lab table` again")))
    if not found:
        raise InputError(f"{path}: no cell has a figure yet; go on with `rlaif lab table --out {source.run}`")
    return found


PLOT = panel_plot(
    name="gain",
    help="the gain of every recipe under each judge, with its interval",
    of="what `rlaif lab table` wrote",
    read=_read,
)
