"""`rlaif constitution diff`, `log` and `release`: what an edit changes, and which versions there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.generated import given, settings
from rlaif.cli.live import Display
from rlaif.cli.next_step import UNNAMED, command_line
from rlaif.cli.output import emit, shortened, warn
from rlaif.errors import InputError
from rlaif.review.tables import table
from rlaif.workflows.impact.config import ImpactConfig

if TYPE_CHECKING:
    from rlaif.constitution.diff import Change
    from rlaif.workflows.impact.result import Impact


@click.command(
    cls=Command,
    examples=(
        "rlaif constitution release constitutions/house.yaml",
        "rlaif constitution release constitutions/house.yaml --json",
    ),
)
@click.argument("ref")
@options.as_json
def release(ref: str, as_json: bool) -> None:
    """Release the version that REF names: its full text and digests go into lock.json beside it.

    A release never changes: `rlaif constitution check` fails on a file that was edited since, until its version is
    raised.
    """
    from rlaif.constitution import lint
    from rlaif.constitution.release import release as pin

    made = pin(ref)
    found = made.constitution
    errors = [each.located(found.source) for each in lint(found) if each.level == "error"]
    warn(f"released all the same: {each}" for each in errors if made.new)
    text = f"{found.name} {found.version}  {found.digest}  {'pinned in' if made.new else 'is pinned in'} {made.lock}"
    result = {"name": found.name, "version": found.version, "digest": found.digest}
    then = command_line("constitution", "test", ref, "--judge", UNNAMED)
    emit(result | {"lock": str(made.lock), "new": made.new}, text, as_json=as_json, then=then)


@click.command(
    cls=Command,
    examples=(
        "rlaif constitution log constitutions/house.yaml",
        "rlaif constitution log micro-default --json",
    ),
)
@click.argument("ref")
@options.as_json
def log(ref: str, as_json: bool) -> None:
    """List the versions of REF with their digests, and what changed from each to the next."""
    from rlaif.constitution import load_constitution
    from rlaif.constitution.release import history, summary

    loaded = load_constitution(ref)
    entries = history(loaded)
    rows = [
        [
            each.version,
            each.digest,
            each.state,
            "" if each.changes is None else summary(each.changes) or "nothing",
        ]
        for each in entries
    ]
    versions = [
        {
            "version": each.version,
            "digest": each.digest,
            "state": each.state,
            "changes": None if each.changes is None else [_row(change) for change in each.changes],
        }
        for each in entries
    ]
    text = table(["version", "digest", "state", "+added -removed ~reworded =re-ruled"], rows)
    emit({"name": loaded.name, "source": loaded.source, "versions": versions}, text, as_json=as_json)


@click.command(
    cls=Command,
    examples=(
        "rlaif constitution diff house@1.0.0 constitutions/house.yaml",
        "rlaif constitution diff runs/r1 constitutions/house.yaml --impact runs/r1",
    ),
)
@click.argument("a")
@click.argument("b")
@options.option(
    "--impact",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Also judge what changed, and list the pairs of this run, loop or round that come out differently.",
)
@settings(ImpactConfig, leave=("run",))
@options.option(
    "--show",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Number of changed pairs to print.",
)
@options.as_json
@click.pass_context
def diff(
    context: click.Context, /, a: str, b: str, impact: Path | None, as_json: bool, **chosen: Any
) -> None:
    """Show what changes from constitution A to B: principles added, removed, reworded or re-ruled.

    A and B are files, names, releases (house@1.0.0) or runs. With --impact RUN, the changed principles are judged
    again on RUN's completions, and pairs that come out differently are listed. Calls in the store are re-used: a
    changed weight asks the judge nothing.
    """
    from rlaif.constitution.diff import KINDS, bump_of, raised
    from rlaif.constitution.diff import diff as differences
    from rlaif.constitution.versions import parse_version
    from rlaif.workflows.impact.recorded_runs import load_side

    before, after = load_side(a), load_side(b)
    if impact is None:
        _refuse_idle(context)
    changes = differences(before, after)
    found = None if impact is None else _impact(before, after, impact, as_json, chosen)
    bump = bump_of(changes)
    needed = raised(parse_version(before.version), bump) if bump else None
    head = [f"{each.name} {each.version}  {each.digest}  {each.source}" for each in (before, after)]
    lines = [*head, "", *(_lines(changes) or ["no difference"])]
    if bump:
        lines += ["", f"after {before.version} this needs a {bump} bump: {needed}"]
    result: dict[str, Any] = {
        name: {"name": each.name, "version": each.version, "digest": each.digest, "source": each.source}
        for name, each in (("a", before), ("b", after))
    }
    result |= {kind: [_row(each) for each in changes if each.kind == kind] for kind in KINDS}
    result |= {"bump": bump, "next": needed}
    if found is not None:
        warn(found.warnings)
        result["impact"] = found.as_dict()
        lines += ["", *_impact_lines(found, chosen["show"])]
    emit(result, "\n".join(lines), as_json=as_json)


def _impact(before: Any, after: Any, run: Path, as_json: bool, chosen: dict[str, Any]) -> Impact:
    from rlaif.workflows.impact.run import impact

    config = ImpactConfig(run=run, **given(ImpactConfig, chosen))
    with Display(quiet=as_json) as display:
        return impact(config, before, after, progress=display.report)


def _refuse_idle(context: click.Context) -> None:
    # no option is accepted and ignored
    for parameter in context.command.get_params(context):
        name = parameter.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and isinstance(parameter, click.Option) and name != "as_json":
            raise InputError(f"{parameter.opts[0]}: goes with --impact RUN, and there is none; remove it")


def _row(change: Change) -> dict[str, Any]:
    row: dict[str, Any] = {"id": change.id, "what": change.what, "kind": change.kind, "bump": change.bump}
    row["line"] = change.principle.line if change.principle else None
    return row | {"fields": {name: {"from": old, "to": new} for name, (old, new) in change.fields.items()}}


def _lines(changes: Sequence[Change]) -> list[str]:
    lines = []
    for each in changes:
        subject = each.id if each.what != "proposition" else f"proposition {each.id}"
        lines.append(f"{each.kind:<9} {subject}")
        for name, (old, new) in each.fields.items():
            if isinstance(old, str) or isinstance(new, str):
                marks = [
                    f"  {sign} {name}: {text}" for sign, text in (("-", old), ("+", new)) if text is not None
                ]
                lines += marks
            else:
                lines.append(f"    {name}: {_value(old)} -> {_value(new)}")
    return lines


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) or "all" if isinstance(value, list) else str(value)


def _impact_lines(found: Impact, most: int) -> list[str]:
    counts = found.counts
    kinds = ("before", "after", "kept", "flip", "vanish", "appear")
    heads = ["pairs", *found.rounds, "all"] if found.rounds else ["pairs", "count"]
    rows = [[name, *(each[name] for each in found.rounds.values()), counts[name]] for name in kinds]
    lines = [table(heads, rows)]
    if found.through:
        turns = kinds[3:]
        through = [[name, *(each[turn] for turn in turns)] for name, each in found.through.items()]
        lines += ["", table(["through", *turns], through)]
    for each in found.changes[:most]:
        names = ", ".join(each.through) or "the whole"
        lines += ["", f"{each.kind} through {names}: {shortened(each.prompt)}"]
        lines += [
            f"  {sign} {shortened(text)}" for sign, text in (("better", each.better), ("worse ", each.worse))
        ]
        lines.append(f"  {each.before} -> {each.after}")
    if len(found.changes) > most:
        lines.append(f"\n{len(found.changes) - most} more; --show and --json give them all")
    return [*lines, "", *found.cost]
