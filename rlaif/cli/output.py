"""What commands print: tables and JSON to stdout, messages and progress to stderr."""

from __future__ import annotations

import io
import json
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from textwrap import fill
from typing import TYPE_CHECKING, Any, Self

from rlaif.errors import ThresholdError
from rlaif.secrets import cleaned
from rlaif.terminal import console, drawn, printable

if TYPE_CHECKING:
    from rlaif.workflows.recipe.pace import RunStanding

WIDTH = 100
"""Most columns of a run's output."""
LINE_EVERY_S = 30.0
"""Seconds between two lines about one step, where there is no terminal."""


def emit(
    result: Mapping[str, Any], text: str, *, as_json: bool, unmet: str | None = None, then: str | None = None
) -> None:
    """Print a result as JSON or text; raise ThresholdError (exit 3) when `unmet` names a threshold.

    `then` is the command to run next: a line on stderr, which whoever reads JSON is spared.
    """
    echo(json.dumps(result, ensure_ascii=not _takes_all_letters(), indent=2) if as_json else text)
    if then is not None and not as_json:
        say(f"next: {then}")
    if unmet is not None:
        raise ThresholdError(unmet)


def echo(text: str) -> None:
    """Print a result on stdout, where it is no terminal to the letter."""
    # half characters of broken files have no UTF-8; escaped they are readable, in JSON even the same
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Print a message on stderr."""
    sys.stderr.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")
    sys.stderr.flush()


def warn(messages: Iterable[str], width: int | None = None) -> None:
    """Print warnings on stderr, wrapped to `width` columns if given."""
    for message in messages:
        said = f"warning: {message}"
        say(said if width is None else fill(said, width, subsequent_indent="  "))


class _Told(logging.Handler):
    """What a floor below warns of while it works, as a warning of the command, each once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print it."""
        if (text := cleaned(record.getMessage())) not in self._said:
            self._said.add(text)
            warn([text])


@contextmanager
def heard() -> Iterator[None]:
    """Inside, warnings of this package's own loggers are printed."""
    told, logger = _Told(), logging.getLogger("rlaif")
    logger.addHandler(told)
    try:
        yield
    finally:
        logger.removeHandler(told)


class Follower:
    """Progress of a run of rounds on stderr: a live line on a terminal, else a line every `LINE_EVERY_S`."""

    def __init__(self, *, quiet: bool = False) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        screen = console()
        self._live = screen.is_terminal and not quiet
        self._quiet = quiet
        self._said = ("", 0.0)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(20), TimeElapsedColumn())
        self._bars = Progress(
            *columns, console=screen, disable=not self._live, transient=True, refresh_per_second=2
        )
        self._drawn = ExitStack()
        self._task: Any = None
        self.standing: RunStanding | None = None

    def __enter__(self) -> Self:
        self._drawn.enter_context(drawn(self._bars))
        return self

    def __exit__(self, *_: object) -> None:
        self._drawn.close()

    def told(self, standing: RunStanding) -> None:
        """Show this progress."""
        self.standing = standing
        if self._live:
            self._task = self._bars.add_task("", total=1) if self._task is None else self._task
            self._bars.update(
                self._task,
                description=printable(followed(standing)),
                completed=standing.done,
                total=standing.total,
            )
        elif not self._quiet:
            place, now = f"{standing.round} {standing.step}", time.monotonic()
            if place != self._said[0] or now - self._said[1] >= LINE_EVERY_S:
                self._said = (place, now)
                say(followed(standing))


def followed(standing: RunStanding) -> str:
    """The progress of a run in one line."""
    kind = standing.unit
    text = f"round {standing.round} of {standing.of}, {standing.step}: "
    text += f"{standing.done:,} of about {standing.total:,} {kind}s"
    return text if standing.left_s is None else f"{text}, about {_duration(standing.left_s)} left in all"


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 1:
        return f"{max(5, round(seconds / 5) * 5)} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def escape_strange_letters() -> None:
    """Let letters that the screen's encoding lacks be written as escapes: no text is worth a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _takes_all_letters() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")


@contextmanager
def progress(quiet: bool = False) -> Iterator[Any]:
    """A reporter `(what, done, total)` for workflows: live bars on a terminal, silence elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    screen = console()
    text = TextColumn("{task.description}", markup=False)
    columns = (text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bars = Progress(*columns, console=screen, disable=quiet or not screen.is_terminal)
    with drawn(bars):
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(printable(what), total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield report


def shortened(text: str, most: int = 100) -> str:
    """`text` on one line, cut where it is longer than `most` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 3] + "..."
