"""`rlaif export`: a run's pairs as a data set in another trainer's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.ending import listed, within
from rlaif.cli.next_step import command_line
from rlaif.cli.output import emit
from rlaif.cli.registered import Registered
from rlaif.runs.layout import is_run


def _formats() -> list[str]:
    from rlaif.workflows.datasets.formats import formats_of_export

    return formats_of_export()


@click.command(
    cls=Command,
    examples=(
        "rlaif export runs/r1 --out data/r1 --split 0.9",
        "rlaif export runs/loop --out data/r2 --format kto --where 'round == 2 and label_prob > .8'",
    ),
)
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@options.out()
@options.option(
    "--format",
    type=Registered(_formats),
    default="trl",
    show_default=True,
    help="Format of the data set (docs/formats.md).",
)
@options.option(
    "--where",
    metavar="CONDITION",
    help="Export only pairs that meet it: 'label_prob > .8 and round == 2 and tag == harmful'.",
)
@options.option(
    "--split",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of the prompts in split `train`; the rest is `test`. No prompt is in both.",
)
@options.option(
    "--margin",
    type=click.Choice(["score-gap", "log-odds"]),
    help="Add TRL's `margin` column. It changes that trainer's loss.",
)
@options.option(
    "--reviewed",
    type=click.Choice(["ignore", "drop", "turn"]),
    default="ignore",
    show_default=True,
    help="Pairs that reviewers decided against: keep, drop, or swap. `drop` and `turn` also leave out pairs that they "
    "flagged or called a tie.",
)
@options.option(
    "--edited",
    is_flag=True,
    help="The pairs were changed by hand after their run was finished, on purpose; the card says so.",
)
@options.option("--license", help="License to state on the card, e.g. cc-by-4.0.")
@options.store
@options.seed
@options.as_json
def export(as_json: bool, **chosen: Any) -> None:
    """Write the pairs of SOURCE (a run or a pairs file) as a data set in the format of another trainer, with a card.

    `--format trl-stepwise` writes the labelled steps of SOURCE (a run, a round of it, or a file of examples) instead.
    """
    from rlaif.workflows.datasets.export import export as workflow
    from rlaif.workflows.datasets.export_files import ExportConfig

    made = workflow(ExportConfig(**chosen))
    counted = listed(f"{name} {count:,}" for name, count in made.funnel.items())
    text, then = "\n".join([*within(counted), made.summary]), command_line("pack", chosen["source"])
    emit(made.as_dict(), text, as_json=as_json, then=then if is_run(chosen["source"]) else None)
