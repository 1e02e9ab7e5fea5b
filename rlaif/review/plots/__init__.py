"""Plots of runs in one style: a file a kind in `kinds/`, what all of them look like in `style.py`."""

from __future__ import annotations

from pathlib import Path

from rlaif.atomic import whole_file
from rlaif.errors import InputError
from rlaif.registry import Registry
from rlaif.review.plots import kinds
from rlaif.review.plots.plot import Plot

FORMATS = (".svg", ".png", ".pdf")
PLOTS: Registry[Plot] = Registry(
    noun="plot", group="rlaif.plots", kinds=(Plot,), package=kinds.__name__, attribute="PLOT"
)
"""All kinds of plot, by name."""


def draw_plot(run: Path, kind: str, out: Path) -> None:
    """Draw one kind of plot of a run into the file `out`, whole or not at all.

    Raises InputError for a kind or an ending that there is not, and where the run has nothing to draw.
    """
    plot = PLOTS.get(kind)
    ending = out.suffix.lower()
    if ending not in FORMATS:
        raise InputError(f"{out}: a plot is {', '.join(FORMATS[:-1])} or {FORMATS[-1]}; name such a file")
    if not run.is_dir():
        raise InputError(f"{run}: is no directory; {plot.name} is drawn of {plot.of}")
    data = plot.read(run)
    from rlaif.review.plots.style import saved

    with PLOTS.guarded(kind), whole_file(out) as draft:
        saved(
            lambda figure: plot.draw(data, figure),
            draft,
            ending[1:],
            rows=plot.rows(data),
            columns=plot.columns,
        )
