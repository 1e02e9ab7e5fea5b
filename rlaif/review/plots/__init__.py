"""Plots of runs in one style: a file a kind in `kinds/`, what all of them look like in `style.py`."""

from __future__ import annotations

from pathlib import Path

from rlaif.atomic import whole_file
from rlaif.errors import InputError, RlaifError
from rlaif.registry import Registry
from rlaif.review.plots import kinds
from rlaif.review.plots.plot import Plot, PlotSource

FORMATS = (".svg", ".png", ".pdf")
PLOTS: Registry[Plot] = Registry(
    noun="plot", group="rlaif.plots", kinds=(Plot,), package=kinds.__name__, attribute="PLOT"
)
"""All kinds of plot, by name."""


def draw_plot(source: PlotSource, kind: str, out: Path) -> None:
    """Draw one kind of plot of a run into the file `out`, whole or not at all.

    Raises InputError for a kind or an ending that there is not, and where the run has nothing to draw.
    """
    plot = PLOTS.get(kind)
    refuse_ending(out)
    if not source.run.is_dir():
        raise InputError(f"{source.run}: is no directory; {plot.name} is drawn of {plot.of}")
    with PLOTS.guarded(kind):
        try:
            data = plot.read(source)
        except InputError as lacks:
            has = ", ".join(each.name for each in plots_of(source))
            raise InputError(
                f"{lacks}{f'; what can be drawn of {source.run}: {has}' if has else ''}"
            ) from None
        write_plot(plot, data, out)


def write_plot(plot: Plot, data: object, out: Path) -> None:
    """Draw data of a kind into a file that has one of the endings."""
    from rlaif.review.plots.style import saved

    with whole_file(out) as draft:
        saved(lambda figure: plot.draw(data, figure), draft, out.suffix.lower()[1:], plot.size(data))


def refuse_ending(out: Path) -> None:
    """Raise InputError for a file that is no picture."""
    if out.suffix.lower() not in FORMATS:
        raise InputError(f"{out}: a plot is {', '.join(FORMATS[:-1])} or {FORMATS[-1]}; name such a file")


def plots_of(source: PlotSource) -> list[Plot]:
    """The kinds that a run has data for, in alphabetical order.

    Raises InputError for what is no directory.
    """
    if not source.run.is_dir():
        raise InputError(f"{source.run}: is no directory; name a run, an evaluation, a judge check or a lab")
    return [each for each in PLOTS.all().values() if _has(each, source)]


def _has(plot: Plot, source: PlotSource) -> bool:
    try:
        with PLOTS.guarded(plot.name):
            plot.read(source)
    except RlaifError:
        return False
    return True
