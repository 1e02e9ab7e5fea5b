"""`rlaif judge`: judge existing completions with another judge or constitution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rlaif.cli import options
from rlaif.cli.generated import given, settings
from rlaif.cli.judge_check import check
from rlaif.cli.live import Display
from rlaif.cli.made import show
from rlaif.cli.output import echo, emit, warn
from rlaif.cli.parent import Parent
from rlaif.cli.planned import calls_of, plan_first
from rlaif.workflows.configs import JudgeConfig


@click.command(
    cls=Parent,
    examples=(
        "rlaif judge runs/r1 --judge hf:models/other --out runs/r1-other",
        "rlaif judge mine.jsonl --judge micro --constitution house.yaml --out runs/mine",
    ),
)
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@settings(JudgeConfig, leave=("source",))
@options.full
@options.as_json
@options.dry_run
@options.show_prompt
def judge(full: bool, as_json: bool, dry_run: bool, show_prompt: bool, **chosen: Any) -> None:
    """Judge completions that exist already, with another judge or constitution, and write preference pairs to --out.

    SOURCE is a run directory or a file of completions. Calls that the store already holds are re-used. To judge a
    file called `check`, write `./check`.
    """
    from rlaif.workflows.models.defaults import choose_judge

    config = choose_judge(JudgeConfig(**given(JudgeConfig, chosen)))
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

        made = workflow.judge(config, progress=display.report, ready=ready)
    show(made, full=full, as_json=as_json)


judge.add_command(check)
