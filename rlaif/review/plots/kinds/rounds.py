"""The rounds of a recipe: gold, judge, win rate, KL, length, pairs, acceptance, time."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.errors import InputError
from rlaif.review.panels import LinePanel
from rlaif.review.plots.panel_axes import panel_plot
from rlaif.review.plots.plot import PlotSource
from rlaif.review.round_charts import round_panels
from rlaif.runs.layout import ROUNDS
from rlaif.runs.record_files import ROUNDS_SCHEMA, read_record


def _read(source: PlotSource) -> Sequence[LinePanel]:
    path = source.run / ROUNDS
    if not path.is_file():
        raise InputError(f"{source.run}: has no {ROUNDS}; `rlaif run RECIPE --out {source.run}` makes one")
    found = round_panels(source.run, read_record(path, ROUNDS_SCHEMA))
    if not found:
        raise InputError(f"{source.run}: has one round, and no curve yet; the same `rlaif run` goes on")
    return found


PLOT = panel_plot(
    name="rounds",
    help="gold, judge, win rate, KL, length, pairs, acceptance and time, by round",
    of="a run of a recipe",
    read=_read,
)
