"""`rlaif train`: a policy or a reward model from a run's pairs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from rlaif.cli import options
from rlaif.cli.output import emit, progress, warn
from rlaif.review.tables import table
from rlaif.trl_names import renamed


def _shares(
    context: click.Context, parameter: click.Parameter, items: tuple[str, ...]
) -> Mapping[str, float] | None:
    if not items:
        return None
    try:
        return {kind: float(share) for kind, share in options.key_values(context, parameter, items).items()}
    except ValueError:
        raise click.BadParameter(f"{', '.join(items)}: each must be NAME=NUMBER", param=parameter) from None


def _names(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(each.strip() for each in value.split(",") if each.strip())


def _limits(
    context: click.Context, parameter: click.Parameter, items: tuple[str, ...]
) -> Mapping[str, float]:
    try:
        return {name: float(limit) for name, limit in options.key_values(context, parameter, items).items()}
    except ValueError:
        raise click.BadParameter("a limit is a number, as in duplicate=0.1", param=parameter) from None


class _TrainCommand(click.Command):
    """Answers another trainer's option names with ours."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(context, args)
        except click.NoSuchOption as problem:
            if hint := renamed(problem.option_name.lstrip("-")):
                raise click.UsageError(hint, context) from None
            raise


@click.command(cls=_TrainCommand)
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@options.option(
    "--out", type=click.Path(path_type=Path), help="Model directory [default: SOURCE/models/METHOD]."
)
@options.option(
    "--method",
    type=click.Choice(["dpo", "reward", "sft", "judge"]),
    default="dpo",
    show_default=True,
    help="What is made.",
)
@options.option("--policy", help="What is trained [default: the model that wrote the completions].")
@options.option("--reference", help="DPO's reference: init, none, or a model directory [default: init].")
@options.option(
    "--loss", help="A loss or a mix: soft, hard, ipo, simpo, soft:0.8,nll:0.2 ... [default: soft]."
)
@options.option(
    "--beta", type=click.FloatRange(min=0, min_open=True), help="Strength of the pull to the reference."
)
@options.option(
    "--loss-option",
    "loss_options",
    multiple=True,
    callback=_shares,
    metavar="NAME=VALUE",
    help="Figures of the loss: gamma=1.0, label_smoothing=0.1 ... (docs/training.md).",
)
@options.option(
    "--labels",
    type=click.Choice(["soft", "hard"]),
    help="Give losses the judge's probabilities, or sides [default: soft].",
)
@options.option(
    "--wpo", is_flag=True, default=None, help="Weigh pairs by how like the policy's own their answers are."
)
@options.option(
    "--margin",
    type=click.FloatRange(min=0),
    help="Reward model: times score_gap, what rewards must differ by.",
)
@options.option(
    "--centering", type=click.FloatRange(min=0), help="Reward model: keeps rewards near zero; 0.01 is usual."
)
@options.option(
    "--heads",
    callback=_names,
    metavar="ID,ID",
    help="Reward model: principles with a reward of their own, or all.",
)
@options.option(
    "--learn",
    type=click.Choice(["chosen", "revisions", "good-bad"]),
    help="What sft imitates [default: chosen].",
)
@options.option("--via", type=click.Choice(["sft", "dpo"]), help="How a judge is trained [default: sft].")
@options.option(
    "--held-out-pairs",
    type=click.FloatRange(0, 1, max_open=True),
    metavar="SHARE",
    help="Measure on the pairs of this share of the prompts; do not train on them.",
)
@options.option(
    "--stop",
    multiple=True,
    callback=_shares,
    metavar="FIGURE=LIMIT",
    help="Stop (exit 3) beyond it: kl=50, chosen_drop=10, margin=20, length_drift=0.2, held_out_accuracy=0.55 ...",
)
@options.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), help="Peak learning rate.")
@options.option("--steps", type=click.IntRange(min=1), help="Optimiser steps.")
@options.option(
    "--epochs",
    type=click.FloatRange(min=0, min_open=True),
    help="Passes over the pairs, in the place of --steps [default: 1].",
)
@options.option("--batch-size", type=click.IntRange(min=1), help="Pairs in a step.")
@options.option("--nll", type=click.FloatRange(min=0), help="Weight of the chosen side's own likelihood.")
@options.option(
    "--replay", multiple=True, callback=_shares, metavar="KIND=SHARE", help="Examples mixed in: judge=0.2."
)
@options.option(
    "--replay-from", help="Where replay examples come from [default: micro:judge for bundled models]."
)
@options.option(
    "--lora", type=click.IntRange(min=1), metavar="RANK", help="Train an adapter of this rank and merge it."
)
@options.template_kwargs
@options.option(
    "--max-unreadable",
    type=click.FloatRange(0, 1),
    default=0.05,
    show_default=True,
    help="Refuse runs whose share of unreadable judgments is above.",
)
@options.option(
    "--gate",
    type=click.Choice(["filter", "refuse", "off"]),
    default="filter",
    show_default=True,
    help="Pairs with a defect: leave them out and count them, stop above a limit, or do not look.",
)
@options.option(
    "--gate-limit",
    multiple=True,
    callback=_limits,
    metavar="FIGURE=LIMIT",
    help="Stop above it: duplicate=0.1, length=0.6 ... (docs/formats.md).",
)
@options.option(
    "--loop",
    multiple=True,
    callback=options.typed_values,
    metavar="NAME=VALUE",
    help="Options of the loop: schedule=wsd, precision=bf16, parallel=fully_shard ... (docs/training-loop.md).",
)
@options.option(
    "--reviewed",
    type=click.Choice(["ignore", "drop", "turn"]),
    default="ignore",
    show_default=True,
    help="Pairs that reviewers decided against: keep, leave out, or turn round; drop and turn leave out what they "
    "flagged or called a tie.",
)
@options.option("--held-out", help="Prompts of your evaluation: pairs that ask one of them are a defect.")
@options.store
@options.seed
@options.as_json
@options.dry_run
def train(as_json: bool, dry_run: bool, **chosen: Any) -> None:
    """Train on the pairs of a run (or of a pairs file): DPO and its kin, a reward model, imitation, or a judge.

    \b
    rlaif train runs/r1 --out models/r1
    rlaif train runs/r1 --loss soft:0.8,nll:0.2 --stop kl=50 --held-out-pairs 0.05
    rlaif train runs/r1 --method reward --out models/r1-reward
    """
    from rlaif.workflows.training.config import train_config
    from rlaif.workflows.training.run import plan_training, settle

    job = settle(train_config(**chosen))
    warn([*(job.gate.over if job.gate else ()), *job.doubts])
    if dry_run:
        click.echo(plan_training(job))
        return
    from rlaif.workflows.training.run import train as workflow

    with progress(quiet=as_json) as report:
        trained = workflow(job, progress=report)
    warn(trained.outcome.notes)
    rows = [[name, value] for name, value in trained.figures.items()]
    emit(trained.as_dict(), f"{table(['figure', 'value'], rows)}\n\n{trained.summary}", as_json=as_json)
