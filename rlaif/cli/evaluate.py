"""`rlaif evaluate`: win rates by a judge, and gold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rlaif.cli import options
from rlaif.cli.output import emit, progress, warn


@click.command()
@options.option("--policy", help="What is evaluated.")
@options.option("--against", multiple=True, help="What it is compared with; repeatable.")
@options.judge
@options.constitution
@options.prompts
@options.option("--gold", is_flag=True, help="Grade by gold too, where the prompt rows name one.")
@options.sampling
@options.option(
    "--resamples",
    type=click.IntRange(min=100),
    default=1000,
    show_default=True,
    help="Draws from which the error of a mean is estimated.",
)
@options.option(
    "--out", type=click.Path(path_type=Path), help="Also keep texts, judgments and figures as a run."
)
@options.models
@options.seed
@options.store
@options.as_json
@options.dry_run
@options.show_prompt
def evaluate(as_json: bool, dry_run: bool, show_prompt: bool, **chosen: Any) -> None:
    """Win rate against other models by a judge in both orders, with a 95 % interval over prompts.

    \b
    rlaif evaluate --policy models/r1 --against micro --judge micro --prompts micro:held-out --gold
    """
    from rlaif.workflows.configs import EvaluateConfig
    from rlaif.workflows.models.defaults import choose_evaluate

    config = choose_evaluate(EvaluateConfig(**chosen))
    from rlaif.workflows.evaluation import run as workflow
    from rlaif.workflows.generate.known_words import unread_of

    warn(unread_of(config.judge, config.constitution))
    if dry_run:
        planned = workflow.plan(config)
        emit(planned.as_dict(), planned.text, as_json=as_json)
        return
    if show_prompt:
        click.echo(workflow.first_question(config))
        return
    with progress(quiet=as_json) as report:
        found = workflow.evaluate(config, progress=report)
    warn(found.warnings)
    emit(found.as_dict(), workflow.tables(found), as_json=as_json)
