"""What commands print: tables and JSON to stdout, messages and progress to stderr."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

from rlaif.errors import ThresholdError


def emit(result: Mapping[str, Any], text: str, *, as_json: bool, unmet: str | None = None) -> None:
    """Print a result one way or the other; then exit 3 when a threshold is not met."""
    shown = json.dumps(result, ensure_ascii=False, indent=2) if as_json else text
    # half characters of broken files have no UTF-8; escaped they are readable, in JSON even the same
    click.echo(shown.encode("utf-8", "backslashreplace").decode("utf-8"))
    if unmet is not None:
        raise ThresholdError(unmet)


def warn(messages: Iterable[str]) -> None:
    """Say on stderr what does not stop a command, and should be known."""
    for message in messages:
        click.echo(f"warning: {message}", err=True)


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


def shortened(text: str, most: int = 100) -> str:
    """`text` on one line, cut where it is longer than `most` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 3] + "..."
