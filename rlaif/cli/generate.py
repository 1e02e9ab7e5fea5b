"""`rlaif generate`: from prompts and a constitution to preference pairs."""

from __future__ import annotations

from typing import Any

import click

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.generated import given, settings
from rlaif.cli.live import Display
from rlaif.cli.made import show
from rlaif.cli.output import echo, emit, warn
from rlaif.cli.planned import calls_of, plan_first
from rlaif.workflows.configs import GenerateConfig


@click.command(
    cls=Command,
    examples=(
        "rlaif generate --out runs/r1",
        "rlaif generate --constitution house.yaml --prompts mine.jsonl \\\n"
        "      --policy hf:models/chat --judge hf:models/judge --out runs/r2",
    ),
)
@settings(GenerateConfig)
@options.full
@options.as_json
@options.dry_run
@options.show_prompt
def generate(full: bool, as_json: bool, dry_run: bool, show_prompt: bool, **chosen: Any) -> None:
    """Sample completions from a policy, judge them by a constitution, and write preference pairs to --out.

    Name none of --policy, --judge and --prompts, and the bundled microworld is used, offline. Name all three for your
    own models. The same command resumes an interrupted run.
    """
    from rlaif.workflows.models.defaults import choose_generate

    config = choose_generate(GenerateConfig(**given(GenerateConfig, chosen)))
    from rlaif.workflows.generate import run as workflow
    from rlaif.workflows.generate.before import look_before
    from rlaif.workflows.generate.known_words import unread_of

    warn([*unread_of(config.judge, config.constitution), *look_before(config)])
    from rlaif.workflows.dry_run.generate import plan

    if dry_run:
        planned = plan(config)
        emit(planned.as_dict(), planned.text, as_json=as_json)
        return
    if show_prompt:
        echo(workflow.first_question(config))
        return
    with Display(quiet=as_json) as display:

        def ready() -> None:
            display.expect(calls_of(plan_first(lambda: plan(config), config.out, quiet=as_json)))

        made = workflow.generate(config, progress=display.report, ready=ready)
    show(made, full=full, as_json=as_json)
