"""`rlaif lab`: instruments for feedback methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rlaif.cli import options
from rlaif.cli.command import Command, CommandGroup
from rlaif.cli.ending import within
from rlaif.cli.generated import given, settings
from rlaif.cli.live import Display
from rlaif.cli.next_step import command_line
from rlaif.cli.output import emit, say
from rlaif.review.tables import table
from rlaif.runs.layout import REPORT
from rlaif.workflows.lab.config import LabConfig
from rlaif.workflows.lab.table.config import TableConfig

OVEROPTIMISATION = "over-optimisation"
"""The kind of `rlaif plot` that draws it."""


@click.group(
    cls=CommandGroup,
    examples=(
        "rlaif lab overoptimize --quick --out runs/lab",
        "rlaif lab overoptimize --out runs/lab --dry-run",
        "rlaif lab table --out runs/table --dry-run",
    ),
)
def lab() -> None:
    """Measure how far a reward can be trusted, where the truth is known."""


@lab.command(
    cls=Command,
    examples=(
        "rlaif lab overoptimize --quick --out runs/lab",
        "rlaif lab overoptimize --planted-flaw 0.6 --flaw token --out runs/token",
    ),
)
@settings(LabConfig)
@options.full
@options.as_json
@options.dry_run
def overoptimize(full: bool, as_json: bool, dry_run: bool, **chosen: Any) -> None:
    """Draw gold and proxy against the distance from the first policy.

    For best-of-n and GRPO over a grid of reward models: sizes by numbers of labels. For PPO, DPO and distillation,
    judge noise and rubric dropout at the middle cell. Reward models learn labels with a planted flaw; gold is only
    measured. Each cell is kept when it is done: the same command goes on. Writes lab.json, report.html, tables.md and
    curves.svg.
    """
    config = LabConfig(**given(LabConfig, chosen))
    from rlaif.workflows.lab import run as workflow
    from rlaif.workflows.lab import tables

    if dry_run:
        lines, told = workflow.plan(config)
        emit(told, "\n".join(lines), as_json=as_json)
        return
    with Display(quiet=as_json) as display:
        found = workflow.overoptimize(config, say=say, progress=display.report)
    where = f"{found.out / REPORT}: {found.result['gold_by']} and proxy against sqrt(KL)"
    parts = [
        table(tables.HEAD, tables.fits(found.result)),
        table(tables.KL_HEAD, tables.best_of_n_kl(found.result)),
        where,
    ]
    short = [*(line for each in tables.ending(found.result) for line in within(each, 1)), where]
    drawn = Path(f"{OVEROPTIMISATION}.svg")
    emit(
        found.as_dict(),
        "\n\n".join(parts) if full else "\n".join(short),
        as_json=as_json,
        then=command_line("plot", found.out, OVEROPTIMISATION, "--out", drawn),
    )


@lab.command(
    "table",
    cls=Command,
    examples=(
        "rlaif lab table --out runs/table --dry-run",
        "rlaif lab table --quick --recipes ai-feedback,rlcd --columns good,noisy --out runs/two",
    ),
)
@settings(TableConfig)
@options.full
@options.as_json
@options.dry_run
def table_(full: bool, as_json: bool, dry_run: bool, **chosen: Any) -> None:
    """Play every shipped recipe under one budget and several judges.

    Each recipe is played with a good judge, a weak, a noisy and a biased one and one whose calls fail, beside
    baselines, and measured on held-out prompts by gold. Each cell is kept when it is done: the same command goes on,
    also with more columns, recipes or seeds. Writes table.json, report.html and table.md.
    """
    config = TableConfig(**given(TableConfig, chosen))
    from rlaif.workflows.lab.table import run as workflow
    from rlaif.workflows.lab.table import tables

    if dry_run:
        lines, told = workflow.plan(config)
        emit(told, "\n".join(lines), as_json=as_json)
        return
    with Display(quiet=as_json) as display:
        found = workflow.lab_table(config, say=say, progress=display.report)
    where = f"{found.out / REPORT}: all columns, with pictures"
    parts = [f"{title}\n{table(head, rows)}" for title, head, rows in tables.grids(found.result)]
    short = [line for each in tables.ending(found.result) for line in within(each, 1)]
    emit(
        found.as_dict(),
        "\n\n".join([*parts, where]) if full else "\n".join([*short, where]),
        as_json=as_json,
        then=command_line("view", found.out.parent),
    )
