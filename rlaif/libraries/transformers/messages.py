"""What transformers shows and says: its bars and tables are hidden, its errors are cut to a line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rlaif.libraries.versions import importing

with importing("transformers"):
    from transformers.utils import logging

LINES = 4
"""Of a message of a library, as far as it is shown: the reason often stands on the second."""


def said_by(problem: BaseException) -> str:
    """What an exception of a library says, in one line: it may have begun with an empty one, or said the most below."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return " ".join(lines[:LINES]) or type(problem).__name__


@contextmanager
def quiet() -> Iterator[None]:
    """Inside, transformers shows neither its tables nor its bars."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
