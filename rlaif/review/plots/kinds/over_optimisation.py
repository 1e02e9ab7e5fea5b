"""Gold and proxy against sqrt(KL), with Gao's curves: what the lab found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlaif.auditing.overoptimisation import gain
from rlaif.review.plots.plot import HEIGHT, WIDTH, Plot, PlotSize, PlotSource
from rlaif.review.plots.style import line_style
from rlaif.review.plots.written import read_written
from rlaif.runs.layout import LAB

_PER_PANEL = 7


def read_lab(run: Path) -> Mapping[str, Any]:
    """What `rlaif lab overoptimize` wrote. Raises InputError where it wrote nothing."""
    return read_written(run, LAB, "rlaif lab overoptimize")


def panels(lab: Mapping[str, Any]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """The groups of each panel: each method that has a grid, a panel for each size; then what is at the middle cell."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    methods = [each["method"] for each in lab["groups"]]
    for each in lab["groups"]:
        whole = methods.count(each["method"]) > 1 and not each["variant"]
        title = f"{each['method']}, size {each['size']}" if whole else "the middle cell, one thing at a time"
        found.setdefault(title, []).append(each)
    return [
        (title, own[start : start + _PER_PANEL])
        for title, own in found.items()
        for start in range(0, len(own), _PER_PANEL)
    ]


def _read(source: PlotSource) -> Mapping[str, Any]:
    return read_lab(source.run)


def _size(lab: Mapping[str, Any]) -> PlotSize:
    return PlotSize(2 * WIDTH, len(panels(lab)) * HEIGHT)


def _draw(lab: Mapping[str, Any], figure: Any) -> None:
    listed = panels(lab)
    grid = figure.subplots(len(listed), 2, squeeze=False, sharex=True, sharey="col")
    for (title, groups), (gold, proxy) in zip(listed, grid, strict=True):
        for place, each in enumerate(groups):
            _group(gold, proxy, each, place)
        gold.set(title=f"gold: {title}", xlabel="sqrt(KL), nats", ylabel=lab["gold_by"])
        proxy.set(
            title=f"proxy: {title}", xlabel="sqrt(KL), nats", ylabel="proxy, deviations of the first policy"
        )
        for axes in (gold, proxy):
            axes.tick_params(labelbottom=True)
        proxy.legend(loc="best")


def _group(gold: Any, proxy: Any, group: Mapping[str, Any], place: int) -> None:
    style = line_style(place)
    dots = {"color": style["color"], "marker": style["marker"], "linestyle": ""}
    for curve in group["curves"]:
        gold.plot(curve["distance"], curve["gold"], alpha=0.7, **dots)
        proxy.plot(curve["distance"], curve["proxy"], alpha=0.7, **style)
    proxy.plot([], [], label=group["group"], **style)
    fit = group["fit"]
    far = max(max(curve["distance"]) for curve in group["curves"])
    if fit is not None and far > 0:
        xs = [far * step / 60 for step in range(61)]
        alpha, beta = fit["alpha"][0], fit["beta"][0]
        ys = [group["gold_first"] + gain(fit["form"], x, alpha, beta) for x in xs]
        gold.plot(xs, ys, color=style["color"], linestyle=style["linestyle"])


PLOT = Plot(
    name="over-optimisation",
    help="gold and proxy against sqrt(KL), with Gao's curves",
    of="what `rlaif lab overoptimize` writes",
    read=_read,
    draw=_draw,
    size=_size,
)
