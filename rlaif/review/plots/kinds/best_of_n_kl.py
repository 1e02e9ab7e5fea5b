"""The KL of best-of-n: the formula beside the draws' own, with their ties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif.errors import InputError
from rlaif.review.plots.kinds.over_optimisation import read_lab
from rlaif.review.plots.plot import Plot, PlotSource
from rlaif.review.plots.style import line_style

NAMES = {"proxy": "by a reward model", "gold": "by gold, which ties"}


def _read(source: PlotSource) -> list[Mapping[str, Any]]:
    run = source.run
    found: list[Mapping[str, Any]] = list(read_lab(run)["best_of_n_kl"])
    if not found:
        raise InputError(f"{run}: its lab has no cell of best-of-n; run it with one")
    return found


def _draw(rows: list[Mapping[str, Any]], figure: Any) -> None:
    axes = figure.subplots()
    formula = {each["n"]: each["formula"] for each in rows}
    ns = sorted(formula)
    axes.plot(ns, [formula[n] for n in ns], color="0.4", linestyle="-", label="log n - (n - 1) / n")
    for place, (by, name) in enumerate(NAMES.items()):
        own = [each for each in rows if each["by"] == by]
        style = line_style(place) | {"linestyle": ""}
        values = [each["measured"] for each in own]
        below = [value - low for value, low, _ in values]
        above = [high - value for value, _, high in values]
        axes.errorbar(
            [each["n"] for each in own],
            [value for value, _, _ in values],
            [below, above],
            label=name,
            capsize=2,
            **style,
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(ns, [str(n) for n in ns])
    axes.set(
        title="KL of best-of-n",
        xlabel="n, completions of which the best is taken",
        ylabel="KL to the first policy, nats",
    )
    axes.legend(loc="upper left")


PLOT = Plot(
    name="best-of-n-kl",
    help="the KL of best-of-n by its formula and by the draws, with ties",
    of="what `rlaif lab overoptimize` writes",
    read=_read,
    draw=_draw,
)
