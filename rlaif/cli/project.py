"""Commands about a project and its runs: init, status, pack, report, completion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from click.shell_completion import get_completion_class

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.ending import doubtful, within
from rlaif.cli.next_step import after_status, command_line
from rlaif.cli.output import echo, emit, say
from rlaif.cli.standing_run import warn_of
from rlaif.review.evaluation import evaluation_tables
from rlaif.review.numbers import calls, money, span, tokens
from rlaif.review.tables import shown, table
from rlaif.review.verdict import answer
from rlaif.runs.spent import TOOK, took

TRAINED = ("loss", "rewards/margins", "rewards/accuracies", "accuracy", "reward", "kl")
"""Figures of a training that say how it went."""
RUN = click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))


@click.command(
    cls=Command,
    examples=(
        "rlaif init my-project && cd my-project",
        "rlaif init .",
    ),
)
@click.argument("directory", type=click.Path(path_type=Path))
def init(directory: Path) -> None:
    """Create a project in DIRECTORY: a commented constitution, a prompt set and a recipe."""
    from rlaif.workflows.project.init import init as make

    written = make(directory)
    echo("\n".join(str(path) for path in written))
    # whoever made it where they are is there
    enter = f"cd {directory}\n" if directory.resolve() != Path.cwd() else ""
    say(
        f"\n{enter}"
        "rlaif generate --constitution constitutions/house.yaml --prompts prompts/sets/mine.jsonl \\\n"
        "      --policy micro --judge micro --out runs/r1\n"
        "rlaif run        # the recipes that there are, yours in pipelines/ among them"
    )


@click.command(
    cls=Command,
    examples=(
        "rlaif status runs/r1",
        "rlaif status runs/loop --json",
    ),
)
@RUN
@options.full
@options.as_json
def status(run: Path, full: bool, as_json: bool) -> None:
    """Show where RUN stands: its command, progress, costs and warnings."""
    from rlaif.workflows.project.status import status as look

    found = look(run)
    warn_of(run)
    lines = list(_lines(found)) if full else _ending(found)
    emit(found, "\n".join(lines), as_json=as_json, then=after_status(run, found))


def _ending(found: Mapping[str, Any]) -> list[str]:
    """What it is, how far, and what it came to: one line for each thing that is known."""
    summary = found.get("summary") or {}
    times = [f"{key} {_when(found[key])}" for key in ("started", "finished") if found.get(key)]
    times += [f"took {span(worked)}"] if (worked := took(found)) is not None else []
    first = f"{found.get('run') or found.get('model')}: {found.get('command')}, {found.get('status')}"
    lines = within(", ".join([first, *times]), 2)
    lines += list(_progress(found["progress"])) if found.get("progress") else []
    counted = [f"{found[key]:,} {key}" for key in ("pairs", "rounds", "steps") if found.get(key) is not None]
    lines += [", ".join(counted)] if counted else []
    if gold := found.get("gold_mean"):
        lines += within(f"gold by round: {', '.join(map(shown, gold))}", 2)
    for helped in list((summary.get("helped") or {}).values())[:1]:
        _, said = answer(helped, "the policy")
        lines += within(f"did it help? {said}", 2) if said else []
    known = [f"{name} {value:.3g}" for name, value in found.items() if name in TRAINED]
    lines += within(", ".join(known), 2) if known else []
    lines += [str(summary[key]) for key in ("unmet", "stopped") if summary.get(key)][:1]
    lines += doubtful([*(summary.get("warnings") or ()), *(found.get("notes") or ())])
    if costs := summary.get("costs"):
        lines.append(f"cost: {money(costs)}, {tokens(costs) or 0:,} tokens, {calls(costs) or 0:,} calls")
    return lines


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    for key, value in found.items():
        if key in ("started", "finished"):
            yield f"{key}: {_when(value)}"
        elif key == TOOK:
            yield f"took: {span(value)}"
        elif key == "progress":
            yield from _progress(value)
        elif key == "gold_mean":
            yield f"gold by round: {', '.join(map(shown, value))}"
        elif key != "summary" and value not in ([], None):
            yield f"{key}: {value}"
    summary = found.get("summary") or {}
    yield from (each.text for each in evaluation_tables(summary))
    if costs := summary.get("costs"):
        from rlaif.workflows.models.usage import cost_head, cost_rows

        yield table(cost_head(costs), cost_rows(costs))
    yield from (f"warning: {each}" for each in summary.get("warnings") or ())
    yield from (f"{key}: {summary[key]}" for key in ("unmet", "stopped") if summary.get(key))


def _when(at: float) -> str:
    return f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M:%S}"


def _progress(told: Mapping[str, Any]) -> Iterator[str]:
    if "round" in told:
        yield f"round: {told['round']} of {told['of']}" + (f", {told['step']}" if told.get("step") else "")
    if told.get("done") is not None:
        of = f" of about {told['total']:,}" if told.get("total") else ""
        yield f"done: {told['done']:,}{of} {told.get('unit') or 'call'}s"


@click.command(
    cls=Command,
    examples=(
        "rlaif pack runs/r1",
        "rlaif pack runs/r1 --out r1.tar.gz",
    ),
)
@RUN
@options.option("--out", type=click.Path(path_type=Path), help="Archive to write [default: RUN.tar.gz].")
@options.store
def pack(run: Path, out: Path | None, store: Path | None) -> None:
    """Pack RUN and every call that it refers to into one archive, which can be read without the store."""
    from rlaif.workflows.datasets.pack import pack as make

    made = make(run, out=out, store=store)
    echo(str(made))
    say(f"{made.stat().st_size:,} bytes: the run, and every call that it refers to")
    say(f"next: {command_line('view', run.parent)}")


@click.command(
    cls=Command,
    examples=(
        "rlaif report runs/r1",
        "rlaif report runs/r1 --out r1.html --full",
    ),
)
@RUN
@options.option("--out", type=click.Path(path_type=Path), help="Page to write [default: RUN/report.html].")
@options.option("--full", is_flag=True, help="Print all of it; else printing gives at most four pages.")
@options.store
def report(run: Path, out: Path | None, full: bool, store: Path | None) -> None:
    """Write the HTML report of RUN: one file that needs no network, the result first.

    RUN is a run, an evaluation, a training, a judge check or a lab.
    """
    from rlaif.workflows.report import report as write

    made = write(run, out=out, full=full, store=store)
    warn_of(run)
    echo(str(made))
    say(f"next: {command_line('view', run)}")


@click.command(
    cls=Command,
    examples=(
        'eval "$(rlaif completion bash)"',
        "rlaif completion zsh",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the tab-completion script for SHELL."""
    root = context.find_root()
    kind = get_completion_class(shell)
    if kind is not None:
        echo(kind(root.command, {}, root.info_name or "rlaif", "_RLAIF_COMPLETE").source())
