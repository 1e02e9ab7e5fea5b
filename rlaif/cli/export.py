"""`rlaif export`: a run's pairs as a data set in another trainer's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rlaif.cli import options
from rlaif.cli.output import emit
from rlaif.review.tables import table

FORMATS = (
    "trl", "trl-parquet", "datasets", "openrlhf", "nemo-rl", "llama-factory", "axolotl", "ultrafeedback",
    "annotated-pairs", "kto", "hh-rlhf",
)  # fmt: skip


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@options.out()
@options.option(
    "--format", type=click.Choice(FORMATS), default="trl", show_default=True, help="See docs/formats.md."
)
@options.option(
    "--where",
    metavar="CONDITION",
    help="Only pairs that meet it: 'label_prob > .8 and round == 2 and tag == harmful'.",
)
@options.option(
    "--split",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of the prompts for `train`; the others are `test`, and no prompt is in both.",
)
@options.option(
    "--margin",
    type=click.Choice(["score-gap", "log-odds"]),
    help="Add TRL's `margin` column: it changes that trainer's loss.",
)
@options.option(
    "--reviewed",
    type=click.Choice(["ignore", "drop", "turn"]),
    default="ignore",
    show_default=True,
    help="Pairs that reviewers decided against: keep, leave out, or turn round; drop and turn leave out what they "
    "flagged or called a tie.",
)
@options.option("--license", help="What the data set's card states, e.g. cc-by-4.0.")
@options.store
@options.seed
@options.as_json
def export(as_json: bool, **chosen: Any) -> None:
    """Write the pairs of SOURCE (a run, or a pairs file) as a data set with a card.

    \b
    rlaif export runs/r1 --out data/r1 --split 0.9
    rlaif export runs/loop --out data/r2 --format kto --where 'round == 2 and label_prob > .8'
    """
    from rlaif.workflows.datasets.export import ExportConfig
    from rlaif.workflows.datasets.export import export as workflow

    made = workflow(ExportConfig(**chosen))
    rows = [[name, count] for name, count in made.funnel.items()]
    emit(made.as_dict(), f"{table(['step', 'count'], rows)}\n\n{made.summary}", as_json=as_json)
