"""`rlaif plot`: pictures of what a run found, all in one style."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.output import echo
from rlaif.cli.registered import Registered
from rlaif.cli.standing_run import warn_of


def _kinds() -> Iterable[str]:
    from rlaif.review.plots import PLOTS

    return PLOTS.names()


class PlotCommand(Command):
    """Lists the kinds of plot below its options."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line for each kind."""
        from rlaif.review.plots import PLOTS

        with formatter.section("Kinds"):
            formatter.write_dl([(name, f"{each.help}; of {each.of}") for name, each in PLOTS.all().items()])
        super().format_epilog(ctx, formatter)


@click.command(
    cls=PlotCommand,
    examples=(
        "rlaif plot runs/lab over-optimisation --out gold.svg",
        "rlaif plot runs/loop gold-kl --out rounds.svg",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("kind", type=Registered(_kinds))
@options.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="File to write: .svg, .png or .pdf.",
)
def plot(run: Path, kind: str, out: Path) -> None:
    """Draw one kind of picture of RUN, in colours that print and that the colour-blind distinguish."""
    from rlaif.review.plots import draw_plot

    warn_of(run)
    draw_plot(run, kind, out)
    echo(str(out))
