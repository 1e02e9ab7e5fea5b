"""What all plots look like: colours that print and that the colour-blind distinguish, each with a dash and a mark.

The colours are those of Okabe and Ito (2008), in an order whose greys differ. An SVG of the same data has the same
bytes: no date, no random ids.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)))
MARKS = ("o", "s", "^", "D", "v", "P", "X")
WIDTH, HEIGHT = 4.2, 3.2
"""Inches of one pair of axes."""
_RULES = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
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


def saved(draw: Callable[[Any], None], path: Path, ending: str, *, rows: int, columns: int) -> None:
    """Make a figure with the style, let it be drawn on, and write it."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_RULES):
        figure = Figure(figsize=(WIDTH * columns, HEIGHT * rows), layout="constrained")
        draw(figure)
        dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(path, format=ending, dpi=150, metadata=dated.get(ending))
