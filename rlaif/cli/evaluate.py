"""`rlaif evaluate`: win rates by a judge, and gold."""

from __future__ import annotations

from typing import Any

import click

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.generated import given, settings
from rlaif.cli.live import Display
from rlaif.cli.next_step import after_evaluation
from rlaif.cli.output import echo, emit, warn
from rlaif.cli.planned import calls_of, plan_first
from rlaif.workflows.configs import EvaluateConfig


@click.command(
    cls=Command,
    examples=(
        "rlaif evaluate --policy models/r1 --against micro --judge micro --prompts micro:held-out --gold",
        "rlaif evaluate --policy hf:models/chat --against hf:models/base --judge hf:models/judge \\\n"
        "      --prompts mine.jsonl --constitution house.yaml --out runs/eval",
    ),
)
@settings(EvaluateConfig)
@options.as_json
@options.dry_run
@options.show_prompt
def evaluate(as_json: bool, dry_run: bool, show_prompt: bool, **chosen: Any) -> None:
    """Compare a policy with other models: the win rate by a judge, with a 95 % interval over prompts.

    Each comparison is judged in both orders. With --gold, answers are also graded by the programmatic truth that the
    prompt rows name.
    """
    from rlaif.workflows.models.defaults import choose_evaluate

    config = choose_evaluate(EvaluateConfig(**given(EvaluateConfig, chosen)))
    from rlaif.workflows.evaluation import run as workflow
    from rlaif.workflows.generate.before import refuse_place
    from rlaif.workflows.generate.known_words import unread_of

    if config.out is not None:
        refuse_place(config.out)
    warn(unread_of(config.judge, config.constitution))
    from rlaif.workflows.dry_run.evaluation import plan

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

        found = workflow.evaluate(config, progress=display.report, ready=ready)
    warn(found.warnings)
    then = after_evaluation(config, found)
    emit(found.as_dict(), workflow.tables(found), as_json=as_json, then=then)
