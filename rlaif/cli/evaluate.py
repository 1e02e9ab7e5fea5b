"""`rlaif evaluate`: win rates by a judge, and gold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.ending import doubtful, within
from rlaif.cli.generated import given, settings
from rlaif.cli.live import Display
from rlaif.cli.next_step import after_evaluation
from rlaif.cli.output import echo, emit, warn
from rlaif.cli.planned import calls_of, plan_first
from rlaif.review.verdict import first_verdict, principle_lines, size_line
from rlaif.workflows.configs import EvaluateConfig

if TYPE_CHECKING:
    from rlaif.workflows.evaluation.result import Evaluation

MOST_SENTENCES = 2
"""Models against which an ending says whether the policy is better."""


@click.command(
    cls=Command,
    examples=(
        "rlaif evaluate --policy models/r1 --against micro --judge micro --prompts micro:held-out --gold",
        "rlaif evaluate --policy hf:models/chat --against hf:models/base --judge hf:models/judge \\\n"
        "      --prompts mine.jsonl --constitution house.yaml --out runs/eval",
    ),
)
@settings(EvaluateConfig)
@options.full
@options.as_json
@options.dry_run
@options.show_prompt
def evaluate(full: bool, as_json: bool, dry_run: bool, show_prompt: bool, **chosen: Any) -> None:
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
    warn(found.warnings if full or as_json else ())
    then = after_evaluation(config, found)
    said = "\n".join(_ending(found, config.out, full=full))
    emit(found.as_dict(), f"{said}\n\n{found.tables}" if full else said, as_json=as_json, then=then)


def _ending(found: Evaluation, out: Path | None, *, full: bool) -> list[str]:
    """Whether the policy is better, in which principles, how long its answers are, what is doubtful, what it cost."""
    told = list(found.helped.values())
    _, said = first_verdict(found.helped, found.policy)
    if not said:
        alone = [f"{each.mean:.3f} by gold" for each in found.gold if each.mean is not None]
        said = [f"{found.policy} on {found.prompts:,} prompts: {', '.join(alone) or 'nothing compared'}"]
    lines = [line for each in said[:MOST_SENTENCES] for line in within(each)]
    if len(said) > MOST_SENTENCES:
        lines.append(f"and against {len(said) - MOST_SENTENCES} more: --full")
    for each in told[:1]:
        lines += [line for one in principle_lines(each) for line in within(one, 2)]
        lines += [size] if (size := size_line(each)) else []
    lines += [line for said in (found.sets_line, found.kl_line) if said for line in within(said, 1)]
    lines += [] if full else doubtful(found.warnings)
    lines.append(f"cost: {found.spent}")
    return [*lines, *([f"kept: {out}"] if out is not None else [])]
