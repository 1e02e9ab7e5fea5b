"""What commands print: tables and JSON to stdout, messages and progress to stderr."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from textwrap import fill
from typing import TYPE_CHECKING, Any

from rlaif.errors import ThresholdError
from rlaif.secrets import cleaned

if TYPE_CHECKING:
    pass

WIDTH = 100
"""Most columns of a run's output."""


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


def escape_strange_letters() -> None:
    """Let letters that the screen's encoding lacks be written as escapes: no text is worth a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _takes_all_letters() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")


def shortened(text: str, most: int = 100) -> str:
    """`text` on one line, cut where it is longer than `most` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 3] + "..."
