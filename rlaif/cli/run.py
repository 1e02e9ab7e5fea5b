"""`rlaif run`: play a recipe in rounds."""

from __future__ import annotations

from typing import Any

import click

from rlaif.cli import options
from rlaif.cli.output import emit, progress, warn
from rlaif.review.tables import table


@click.command()
@click.argument("recipe")
@options.out()
@options.option(
    "--set",
    "overrides",
    multiple=True,
    callback=options.key_values,
    metavar="KEY=VALUE",
    help="Override a key of the recipe; repeatable.",
)
@options.option("--policy", help="The model that starts; overrides the recipe's.")
@options.option("--judge", help="`previous` (the newest policy), a model to freeze it, `gold:` or `random:`.")
@options.option(
    "--frozen-judge", is_flag=True, help="Freeze the judge: the starting policy judges every round."
)
@options.constitution
@options.limit
@options.models
@options.option("--seed", type=click.IntRange(min=0), help="Overrides the recipe's.")
@options.store
@options.as_json
@options.dry_run
@options.show_prompt
def run(as_json: bool, dry_run: bool, show_prompt: bool, **chosen: Any) -> None:
    """Play RECIPE (a file, or the name of a shipped one) and print the table of rounds.

    \b
    rlaif run pipelines/self-rewarding.yaml --out runs/loop
    rlaif run self-rewarding --judge gold: --out runs/upper-bound

    The same command resumes. A step whose inputs did not change is taken from where it was made.
    """
    from rlaif.workflows.configs import RunConfig
    from rlaif.workflows.play import settle

    played = settle(RunConfig(**chosen))
    if dry_run:
        from rlaif.workflows.loop_forecast import plan

        planned = plan(played)
        emit(planned.as_dict(), planned.text, as_json=as_json)
        return
    from rlaif.review.rounds import tables
    from rlaif.workflows import loop

    if show_prompt:
        click.echo(loop.first_question(played))
        return
    with progress(quiet=as_json) as report:
        done = loop.run(played, progress=report)
    warn(done.warnings)
    parts = [f"{title}\n{table(head, rows)}" for title, head, rows in tables(done.rounds)]
    emit(done.as_dict(), "\n\n".join([*parts, done.summary]), as_json=as_json, unmet=done.unmet)
