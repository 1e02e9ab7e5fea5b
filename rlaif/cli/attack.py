"""`rlaif attack`: high-scoring nonsense."""

from __future__ import annotations

from typing import Any

import click

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.ending import doubtful, within
from rlaif.cli.generated import given, settings
from rlaif.cli.live import Display
from rlaif.cli.next_step import after_attack
from rlaif.cli.output import emit, warn
from rlaif.workflows.attack.config import AttackConfig, read_part


@click.command(
    cls=Command,
    examples=(
        "rlaif attack judge=micro,protocol=checklist --limit 8 --out runs/attack",
        "rlaif attack models/reward --policy hf:models/chat --prompts mine.jsonl --by judge=hf:models/judge \\\n"
        "      --constitution house.yaml --pairs attacks.jsonl --out runs/attack",
        "rlaif attack models/mended --policy hf:models/chat --prompts mine.jsonl --by judge=hf:models/judge \\\n"
        "      --constitution house.yaml --against runs/attack --out runs/again",
    ),
)
@click.argument("reward", nargs=-1, required=True, metavar="REWARD...")
@settings(AttackConfig, flags={"attacks": "--attack"})
@options.full
@options.as_json
@options.dry_run
def attack(reward: tuple[str, ...], full: bool, as_json: bool, dry_run: bool, **chosen: Any) -> None:
    """Look for texts that REWARD scores above honest answers though they are worth nothing.

    REWARD is what --reward of a training takes (judge=NAME, model=DIR, function=MODULE:NAME, a YAML file), a reward
    model's directory, or a judge's name; several are added up.

    Exit 3 where an attack succeeds on more than --max-success of the prompts; 0 where none does.
    """
    from rlaif.workflows.attack.prepare import prepare

    config = AttackConfig(reward=tuple(map(read_part, reward)), **given(AttackConfig, chosen))
    job = prepare(config)
    if dry_run:
        from rlaif.workflows.dry_run.attack import plan

        planned = plan(job)
        emit(planned.as_dict(), planned.text, as_json=as_json)
        return
    from rlaif.workflows.attack import run as workflow
    from rlaif.workflows.attack.report import as_ending, as_text

    with Display(quiet=as_json) as display:
        found = workflow.attack(job, progress=display.report)
    warn(found.warnings if full or as_json else ())
    short = [line for each in as_ending(found) for line in within(each, 2)]
    short += doubtful(found.warnings)
    short += [f"{found.pairs} pairs of attacks: {config.pairs}"] if config.pairs is not None else []
    short += [
        f"texts and figures: {config.out}" if config.out is not None else "texts: --full, or keep them: --out"
    ]
    text = as_text(found) if full else "\n".join(short)
    emit(found.as_dict(), text, as_json=as_json, unmet=found.unmet, then=after_attack(config, reward, found))
