"""The gain of every recipe under each judge, with its interval: what `rlaif lab table` found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.errors import InputError
from rlaif.review.panels import IntervalPanel
from rlaif.review.plots.panel_axes import panel_plot
from rlaif.review.plots.plot import PlotSource
from rlaif.review.plots.written import read_written
from rlaif.review.table_panels import table_panels
from rlaif.runs.layout import TABLE


def read_table(run: Path) -> Mapping[str, Any]:
    """What `rlaif lab table` wrote. Raises InputError where it wrote nothing."""
    return read_written(run, TABLE, "rlaif lab table")


def _read(source: PlotSource) -> Sequence[IntervalPanel]:
    found = list(table_panels(read_table(source.run)))
    if not found:
        raise InputError(
            f"{source.run}: no cell has a figure yet; go on with `rlaif lab table --out {source.run}`"
        )
    return found


PLOT = panel_plot(
    name="gain",
    help="the gain of every recipe under each judge, with its interval",
    of="what `rlaif lab table` wrote",
    read=_read,
)
