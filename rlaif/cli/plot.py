"""`rlaif plot`: pictures of what a run found, all in one style."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.next_step import command_line
from rlaif.cli.output import echo
from rlaif.cli.registered import Registered
from rlaif.cli.standing_run import warn_of
from rlaif.errors import InputError
from rlaif.review.tables import table

if TYPE_CHECKING:
    from rlaif.review.plots.plot import Plot


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
        "rlaif plot runs/loop",
        "rlaif plot runs/loop rounds --out rounds.svg",
        "rlaif plot runs/lab over-optimisation --out gold.svg",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("kind", type=Registered(_kinds), required=False)
@options.option(
    "--out", type=click.Path(path_type=Path), help="File to write: .svg, .png or .pdf; not without KIND."
)
def plot(run: Path, kind: str | None, out: Path | None) -> None:
    """Draw one kind of picture of RUN, in colours that print and that the colour-blind distinguish.

    RUN is a run, a training, an evaluation, a judge check or a lab. Without KIND, the kinds that RUN has are listed.
    """
    from rlaif.workflows import plot as workflow

    if kind is None:
        if out is not None:
            raise InputError(f"{out}: which picture? name a KIND: `rlaif plot {run}` lists those that it has")
        _list_kinds(run, workflow.kinds_of(run))
        return
    if out is None:
        raise InputError(f"--out is missing: name a file for the picture, such as --out {kind}.svg")
    warn_of(run)
    workflow.plot(run, kind, out)
    echo(str(out))


def _list_kinds(run: Path, found: Sequence[Plot]) -> None:
    if not found:
        raise InputError(f"{run}: has nothing to draw; `rlaif plot --help` says what each kind is drawn of")
    echo(table(("kind", "what it shows"), [(each.name, each.help) for each in found], words_last=True))
    echo(f"next: {command_line('plot', run, found[0].name, '--out', f'{found[0].name}.svg')}")
