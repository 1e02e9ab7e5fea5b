"""The curves of a training: loss, rewards, accuracy, KL, length, gradient and what else it noted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rlaif.errors import InputError
from rlaif.review.panels import LinePanel
from rlaif.review.plots.panel_axes import panel_plot
from rlaif.review.plots.plot import PlotSource
from rlaif.review.training_charts import training_panels, trainings


def _read(source: PlotSource) -> Sequence[LinePanel]:
    folders = trainings(source.run)
    found = [
        replace(each, title=each.title if len(folders) == 1 else f"{folder.name}: {each.title}")
        for folder in folders
        if (told := training_panels(folder)) is not None
        for each in told.first
    ]
    if not found:
        raise InputError(f"{source.run}: has no training; `rlaif train {source.run}` makes one")
    return found


PLOT = panel_plot(
    name="training",
    help="loss, rewards, accuracy, KL and length, by step",
    of="a training, or a run of a recipe",
    read=_read,
)
