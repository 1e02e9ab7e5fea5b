"""What rounds reached by how far they went: gold and the judge against sqrt(KL)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

from rlaif.errors import InputError
from rlaif.review.plots.plot import Plot, PlotSource
from rlaif.review.plots.style import line_style
from rlaif.runs.layout import ROUNDS
from rlaif.runs.record_files import ROUNDS_SCHEMA, read_record

COLUMNS = {"gold_mean": "gold", "judge_mean": "the judge's P(yes)"}


def _read(source: PlotSource) -> Sequence[Mapping[str, Any]]:
    run = source.run
    path = run / ROUNDS
    if not path.is_file():
        raise InputError(f"{run}: has no {ROUNDS}; `rlaif run RECIPE --out {run}` makes one")
    rows = [each for each in read_record(path, ROUNDS_SCHEMA) if each.get("kl") is not None]
    if not rows:
        raise InputError(f"{run}: no round has a KL; its recipe needs a step `evaluate`")
    return rows


def _draw(rows: Sequence[Mapping[str, Any]], figure: Any) -> None:
    axes = figure.subplots()
    for place, (column, name) in enumerate(COLUMNS.items()):
        known = [each for each in rows if each.get(column) is not None]
        if known:
            distances = [sqrt(max(0.0, each["kl"])) for each in known]
            axes.plot(distances, [each[column] for each in known], label=name, **line_style(place))
    for each in rows:
        if each.get("gold_mean") is not None:
            at = (sqrt(max(0.0, each["kl"])), each["gold_mean"])
            axes.annotate(str(each["round"]), at, textcoords="offset points", xytext=(4, -11), fontsize=8)
    below = any(each["kl"] < 0 for each in rows)
    note = "\n(an estimate of KL below 0 is drawn at 0)" if below else ""
    axes.set(
        title="gold and judge by distance, round by round",
        xlabel=f"sqrt(KL) to the first policy, nats{note}",
        ylabel="share of principles met",
    )
    axes.legend(loc="best")


PLOT = Plot(
    name="gold-kl",
    help="gold and judge against sqrt(KL), by round",
    of="a run of a recipe",
    read=_read,
    draw=_draw,
)
