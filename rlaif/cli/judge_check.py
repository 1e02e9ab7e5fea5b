"""`rlaif judge check`: measure a judge on gold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from click.core import ParameterSource

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.ending import doubtful, listed, within
from rlaif.cli.generated import given, settings, settings_of_keys
from rlaif.cli.live import Display
from rlaif.cli.next_step import after_check
from rlaif.cli.output import echo, emit, warn
from rlaif.cli.planned import calls_of, plan_first
from rlaif.errors import InputError
from rlaif.review.tables import table
from rlaif.workflows.judge_eval.config import THRESHOLDS, CheckConfig

ONE_PROTOCOL = (
    "gold",
    "protocol",
    "format",
    "retest",
    "attacks",
    "every_attack",
    "attacked",
    "plot",
    "html",
    "out",
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
        "rlaif judge check --judge micro --out runs/check",
        "rlaif judge check --judge micro --all",
    ),
)
@click.argument("gold", required=False, metavar="[GOLD]")
@settings(CheckConfig, leave=("source", "thresholds"), flags={"attacks": "--attack"})
@settings_of_keys(CheckConfig, "thresholds")
@options.option("--all", "every", is_flag=True, help="Compare all protocols, on bundled answers with gold.")
@options.option(
    "--attacks",
    "every_attack",
    is_flag=True,
    help="Attack worse answers with every family and count flipped verdicts.",
)
@options.full
@options.as_json
@options.dry_run
@options.show_prompt
@click.pass_context
def check(
    context: click.Context,
    /,
    gold: str | None,
    full: bool,
    as_json: bool,
    dry_run: bool,
    show_prompt: bool,
    every: bool,
    every_attack: bool,
    **chosen: Any,
) -> None:
    """Measure a judge on a labelled set GOLD: accuracy, order consistency, position bias, calibration, attacks.

    GOLD is LLMBar, JudgeBench, RewardBench 1 or 2, XSTest, RBR gold, hh-rlhf, alpaca_eval, or a pairs.jsonl of
    rlaif. Without GOLD, the constitution's own tests are used. A verdict that cannot be read counts as wrong and is
    also counted by itself. Exit 3 when a flag fires or a limit is not met.
    """
    _refuse_unused(context, every, attacked=bool(chosen["attacks"]) or every_attack)
    from rlaif.auditing.attacks import FAMILIES
    from rlaif.workflows.generate.known_words import unread_of
    from rlaif.workflows.judge_eval import run as workflow
    from rlaif.workflows.judge_eval.record_alone import record_alone

    attacks = {"attacks": tuple(FAMILIES)} if every_attack else {}
    config = CheckConfig(
        source=gold,
        thresholds={name: chosen[name] for name in THRESHOLDS if chosen[name] is not None},
        **{**attacks, **given(CheckConfig, chosen)},
    )
    from rlaif.workflows.dry_run.judge_eval import plan

    if dry_run:
        planned = plan(config, every=every)
        emit(planned.as_dict(), planned.text, as_json=as_json)
        return
    if show_prompt:
        echo(workflow.first_question(config))
        return
    if (alone := record_alone(config)) is not None:
        emit(alone.as_dict(), _win_rates(alone), as_json=as_json)
        raise InputError(alone.refusal)
    warn(unread_of(workflow.judge_name(config), config.constitution))
    with Display(quiet=as_json) as display:

        def ready() -> None:
            display.expect(calls_of(plan_first(lambda: plan(config, every=every), quiet=as_json)))

        if every:
            _show_protocols(workflow.compare_all(config, progress=display.report, ready=ready), as_json)
            return
        found = workflow.check(config, progress=display.report, ready=ready)
    doubts = [*(f"{count} rows left out: {why}" for why, count in found.left_out.items()), *found.notes]
    warn(doubts if full or as_json else ())
    text = _text(found) if full else "\n".join(_ending(found, doubts))
    emit(found.as_dict(), text, as_json=as_json, unmet=found.unmet, then=after_check(config))


def _refuse_unused(context: click.Context, every: bool, *, attacked: bool) -> None:
    """No option is accepted and ignored."""
    unset = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    given = {name for name in context.params if context.get_parameter_source(name) not in unset}
    limits = [name for name in context.params if name.startswith(("min_", "max_"))]
    if every and (unused := [each for each in (*ONE_PROTOCOL, *limits) if each in given]):
        name = _word(context, unused[0])
        raise InputError(
            f"{name}: --all asks by every protocol, about answers with bundled gold; leave it out"
        )
    if not attacked and (unused := [each for each in ("attacked", "max_flipped") if each in given]):
        raise InputError(f"{_word(context, unused[0])}: says something about attacks; add --attacks")


def _word(context: click.Context, name: str) -> str:
    """How an argument or option is written on the command line."""
    [each] = (each for each in context.command.params if each.name == name)
    return each.opts[0] if isinstance(each, click.Option) else name.upper()


def _win_rates(alone: Any) -> str:
    rows = [
        [
            each.annotator or None,
            each.model,
            each.baseline,
            each.wins,
            each.draws,
            each.losses,
            each.failed,
            *(each.win_rate or (None, None, None)),
            *(each.length_controlled or (None, None, None))[:3],
        ]
        for each in alone.contests
    ]
    head = ["judge", "model", "against", "won", "draws", "lost", "failed", "win rate", "95 % low", "high",
            "at equal length", "95 % low", "high"]  # fmt: skip
    return f"{alone.judge}: win rates as its annotators saw them; it holds no gold\n\n{table(head, rows)}"


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


def _ending(found: Any, doubts: Sequence[str]) -> list[str]:
    """How good the judge is, how it is biased, where it is weakest, what fires, and what it cost."""
    part = found.part
    lines = [f"{found.judge} on {found.gold}: {part.count:,} items"]
    best = max(part.baselines.items(), key=lambda each: each[1] or 0, default=None)
    trivial = (
        "" if best is None or best[1] is None else f"; the best trivial judge ({best[0]}) has {best[1]:.3f}"
    )
    known = [f"{name} {_figure(value)}" for name, value in part.figures.items() if value is not None]
    lines += within(", ".join(known[:1]) + trivial, 1) + within(listed(known[1:]), 2)
    shares = [f"{name} {value:.3f}" for name, value in part.shares.items() if value is not None]
    shares += [f"{name} {value:.3f}" for name, value in part.calibration.items() if value is not None]
    lines += within(listed(shares), 2)
    weak = sorted(
        ((row["accuracy"], name) for name, row in part.categories.items() if row.get("accuracy") is not None)
    )
    if len(weak) > 1:
        lines += within(f"weakest: {listed(f'{name} {value:.2f}' for value, name in weak[:4])}", 1)
    if found.flipped:
        worst = [(each.share[0], name) for name, each in found.flipped.items() if each.share]
        said = ", ".join(f"{name} {share:.2f}" for share, name in sorted(worst, reverse=True)[:3])
        lines += within(f"attacks that flip most verdicts: {said or 'none could be tried'}", 1)
    fired = [f"{name}: {flag.why}" for name, flag in found.flags.items() if flag.fires]
    lines += within(f"fires: {'; '.join(fired)}" if fired else f"none of {len(found.flags)} flags fires", 2)
    lines += doubtful(doubts)
    calls, tokens = found.calls or {}, found.tokens or {}
    lines.append(
        f"cost: {calls.get('new', 0):,} calls ({calls.get('reused', 0):,} more from the store), "
        f"{tokens.get('new', 0):,} tokens"
    )
    return lines


def _figure(value: Any) -> str:
    mean, low, high = value
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


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
