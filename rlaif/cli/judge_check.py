"""`rlaif judge check`: measure a judge on gold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.output import emit, progress, warn
from rlaif.errors import InputError
from rlaif.review.tables import table

SHARE = click.FloatRange(0, 1)
LIMITS = options.together(
    *(
        options.option(name, type=kind, group="Limits", help=says)
        for name, kind, says in (
            ("--min-accuracy", SHARE, "Exit 3 below this accuracy."),
            ("--min-both-correct", SHARE, "Exit 3 below this share of pairs judged right in both orders."),
            ("--min-consistency", SHARE, "Exit 3 below this order consistency."),
            ("--min-kappa", click.FloatRange(-1, 1), "Exit 3 below this Cohen's kappa with the labels."),
            ("--max-unreadable", SHARE, "Exit 3 above this share of unreadable verdicts."),
            ("--max-refused", SHARE, "Exit 3 above this share of refused verdicts."),
            ("--max-position-bias", SHARE, "Exit 3 when P(first shown wins) is farther from 0.5 than this."),
            ("--max-calibration-error", SHARE, "Exit 3 above this calibration error."),
            ("--max-flipped", SHARE, "Exit 3 when a family of attacks flips a larger share of verdicts."),
        )
    )
)
ONE_PROTOCOL = (
    "gold",
    "protocol",
    "format",
    "retest",
    "attacks",
    "attack",
    "attacked",
    "plot",
    "ignore_flags",
    "show_prompt",
)
"""Options that do not apply with `--all`."""
FLAG_WORDS = {True: "FIRES", False: "no", None: "cannot tell"}


@click.command(
    cls=Command,
    examples=(
        "rlaif judge check --judge micro",
        "rlaif judge check llmbar/ --judge hf:models/judge",
        "rlaif judge check --judge replay:results/result.json",
        "rlaif judge check --judge micro --attacks --max-flipped 0.1",
        "rlaif judge check --judge micro --all",
    ),
)
@click.argument("gold", required=False, metavar="[GOLD]")
@options.option("--judge", help="Judge: a model name, or replay:FILE for recorded verdicts [default: micro].")
@options.option(
    "--constitution", help="Constitution: a file or a name [default: the question of the gold set]."
)
@options.option(
    "--protocol", help="How the judge is asked [default: compare; for single answers, checklist]."
)
@options.option("--format", help="Format of GOLD, where its columns do not tell it.")
@options.limit
@options.option("--all", "every", is_flag=True, help="Compare all protocols, on bundled answers with gold.")
@options.option(
    "--retest",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="Pairs judged a second time, bypassing the store, for test-retest agreement.",
)
@options.option(
    "--attacks",
    is_flag=True,
    help="Attack worse answers with every family and count flipped verdicts.",
)
@options.option(
    "--attack", multiple=True, metavar="FAMILY", help="Apply only this family of attacks; repeatable."
)
@options.option(
    "--attacked",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Number of pairs to attack.",
)
@options.option("--plot", type=click.Path(path_type=Path), help="Write a calibration plot (.svg or .png).")
@options.option("--ignore-flags", is_flag=True, help="Do not exit 3 when a flag fires.")
@LIMITS
@options.models
@options.seed
@options.store
@options.as_json
@options.dry_run
@options.show_prompt
@click.pass_context
def check(
    context: click.Context,
    /,
    gold: str | None,
    as_json: bool,
    dry_run: bool,
    show_prompt: bool,
    every: bool,
    attacks: bool,
    attack: Sequence[str],
    **chosen: Any,
) -> None:
    """Measure a judge on a labelled set GOLD: accuracy, order consistency, position bias, calibration, attacks.

    GOLD is LLMBar, JudgeBench, RewardBench 1 or 2, XSTest, RBR gold, hh-rlhf, alpaca_eval, or a pairs.jsonl of
    rlaif. Without GOLD, the constitution's own tests are used. A verdict that cannot be read counts as wrong and is
    also counted by itself. Exit 3 when a flag fires or a limit is not met.
    """
    _refuse_unused(context, every, attacked=bool(attack) or attacks)
    from rlaif.auditing.attacks import FAMILIES
    from rlaif.workflows.generate.known_words import unread_of
    from rlaif.workflows.judge_eval import run as workflow
    from rlaif.workflows.judge_eval.result import THRESHOLDS, CheckConfig

    limits = {name: chosen.pop(name) for name in THRESHOLDS}
    config = CheckConfig(
        source=gold,
        attacks=tuple(attack) or (tuple(FAMILIES) if attacks else ()),
        thresholds={name: limit for name, limit in limits.items() if limit is not None},
        **chosen,
    )
    if dry_run:
        from rlaif.workflows.dry_run.judge_eval import plan

        planned = plan(config, every=every)
        emit(planned.as_dict(), planned.text, as_json=as_json)
        return
    if show_prompt:
        click.echo(workflow.first_question(config))
        return
    warn(unread_of(workflow.judge_name(config), config.constitution))
    with progress(quiet=as_json) as report:
        if every:
            _show_protocols(workflow.compare_all(config, progress=report), as_json)
            return
        found = workflow.check(config, progress=report)
    if config.plot is not None:
        from rlaif.workflows.judge_eval.reliability_plot import draw

        draw(config.plot, found)
    if found.left_out:
        warn(f"{count} rows left out: {why}" for why, count in found.left_out.items())
    warn(found.notes)
    emit(found.as_dict(), _text(found), as_json=as_json, unmet=found.unmet)


def _refuse_unused(context: click.Context, every: bool, *, attacked: bool) -> None:
    """No option is accepted and ignored."""
    unset = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    given = {name for name in context.params if context.get_parameter_source(name) not in unset}
    limits = [name for name in context.params if name.startswith(("min_", "max_"))]
    if every and (unused := [each for each in (*ONE_PROTOCOL, *limits) if each in given]):
        name = unused[0].upper() if unused[0] == "gold" else "--" + unused[0].replace("_", "-")
        raise InputError(
            f"{name}: --all asks by every protocol, about answers with bundled gold; leave it out"
        )
    if not attacked and (unused := [each for each in ("attacked", "max_flipped") if each in given]):
        raise InputError(f"--{unused[0].replace('_', '-')}: says something about attacks; add --attacks")


def _show_protocols(rows: Sequence[Any], as_json: bool) -> None:
    names = (
        "protocol",
        "accuracy",
        "consistency",
        "read",
        "label_accuracy",
        "calibration_error",
        "calls",
        "tokens",
    )
    text = table(names, [[getattr(row, name) for name in names] for row in rows])
    notes = [f"{row.protocol}: {row.note}" for row in rows if row.note]
    emit({"protocols": [row.as_dict() for row in rows]}, "\n".join([text, *notes]), as_json=as_json)


def _text(found: Any) -> str:
    part = found.part
    blocks = [f"{found.judge} on {found.gold}: {part.count} items"]
    rows = [[name, *(each or (None, None, None))] for name, each in part.figures.items()]
    rows += [[f"share {name}", value, None, None] for name, value in part.shares.items()]
    rows += [["test-retest", found.test_retest, None, None]]
    rows += [[f"trivial: {name}", value, None, None] for name, value in part.baselines.items()]
    blocks.append(table(["figure", "value", "95 % low", "high"], rows))
    if part.official:
        blocks.append(table(["own score of the set", "value"], [[*each] for each in part.official.items()]))
    if part.calibration:
        blocks.append(table(["calibration", "value"], [[*each] for each in part.calibration.items()]))
    if len(part.categories) > 1:
        head = [name for name in next(iter(part.categories.values())) if name != "interval"]
        body = [[name, *(row[key] for key in head)] for name, row in part.categories.items()]
        blocks.append(table(["category", *head], body))
    if found.flipped:
        body = [
            [name, each.right, each.flipped, each.lost, *(each.share or (None, None, None))]
            for name, each in found.flipped.items()
        ]
        head = ["attack", "right before", "flipped", "no verdict", "share flipped", "95 % low", "high"]
        blocks.append(table(head, body))
    blocks.append(
        "\n".join(f"{name}: {FLAG_WORDS[flag.fires]}: {flag.why}" for name, flag in found.flags.items())
    )
    if part.states:
        blocks.append("verdicts: " + ", ".join(f"{count} {name}" for name, count in part.states.items()))
    if found.calls:
        calls = ", ".join(f"{count} {name}" for name, count in found.calls.items())
        tokens = ", ".join(f"{count} {name}" for name, count in found.tokens.items())
        blocks.append(f"calls: {calls}; tokens: {tokens}")
    return "\n\n".join(each for each in blocks if each)
