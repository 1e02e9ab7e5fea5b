"""What all plots look like: colours that print and that the colour-blind distinguish, each with a dash and a mark.

The first four colours, which pages have too, differ in lightness by more than ten steps of 100, so that they differ in
grey and for every kind of colour-blindness. An SVG of the same data has the same bytes: no date, no random ids.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlaif.review.plots.plot import PlotSize

COLOURS = ("#2470b8", "#d67500", "#86235f", "#07301f", "#56b4e9", "#7fb6a0", "#7a8b99")
DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)))
MARKS = ("o", "s", "^", "D", "v", "P", "X")
_RULES = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "rlaif",
}


def line_style(place: int) -> dict[str, Any]:
    """Colour, dash and mark of the series at this place; the same place looks the same in every plot."""
    return {
        "color": COLOURS[place % len(COLOURS)],
        "linestyle": DASHES[place % len(DASHES)],
        "marker": MARKS[place % len(MARKS)],
    }


def saved(draw: Callable[[Any], None], path: Path, ending: str, size: PlotSize) -> None:
    """Make a figure with the style, let it be drawn on, and write it."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_RULES):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(path, format=ending, dpi=150, metadata=dated.get(ending))
