"""`rlaif generate`: from prompts and a constitution to preference pairs."""

from __future__ import annotations

from typing import Any

import click

from rlaif.cli import options
from rlaif.cli.made import show
from rlaif.cli.output import emit, progress, warn


@click.command()
@options.constitution
@options.prompts
@options.option("--policy", multiple=True, help="Who writes: a model name; several mix, prompt by prompt.")
@options.judge
@options.out()
@options.option(
    "--n", "n", type=click.IntRange(min=2), default=6, show_default=True, help="Completions a prompt."
)
@options.sampling
@options.drift
@options.judging
@options.models
@options.seed
@options.store
@options.as_json
@options.dry_run
@options.show_prompt
def generate(as_json: bool, dry_run: bool, show_prompt: bool, **chosen: Any) -> None:
    """Sample completions, judge them by a constitution, write preference pairs.

    \b
    rlaif generate --out runs/r1                                     the bundled world
    rlaif generate --constitution house.yaml --prompts mine.jsonl \\
          --policy hf:models/chat --judge hf:models/judge --out runs/r2
    """
    from rlaif.workflows.configs import GenerateConfig
    from rlaif.workflows.models.defaults import choose_generate

    config = choose_generate(GenerateConfig(**chosen))
    from rlaif.workflows.generate import run as workflow
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
        made = workflow.generate(config, progress=report)
    show(made, as_json=as_json)
