"""What commands print: tables and JSON to stdout, messages and progress to stderr."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from rlaif.errors import ThresholdError
from rlaif.review.rounds import shown


def emit(result: Mapping[str, Any], text: str, *, as_json: bool, unmet: str | None = None) -> None:
    """Print a result one way or the other; then exit 3 when a threshold is not met."""
    click.echo(json.dumps(result, ensure_ascii=False, indent=2) if as_json else text)
    if unmet is not None:
        raise ThresholdError(unmet)


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns as wide as they need; the first flush left, the others flush right."""
    cells = [list(head), *([shown(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = []
    for row in cells:
        first, *others = (value.rjust(width) for value, width in zip(row, widths, strict=True))
        lines.append("  ".join([first.strip().ljust(widths[0]), *others]).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


@contextmanager
def progress(quiet: bool = False) -> Iterator[Any]:
    """A reporter `(what, done, total)` for workflows: live bars on a terminal, silence elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield report
