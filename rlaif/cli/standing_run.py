"""What is said of a run before a command reads it: that a later version wrote it, or that it is not finished."""

from __future__ import annotations

from pathlib import Path

from rlaif.cli.output import warn
from rlaif.runs.layout import run_of
from rlaif.runs.newer import newer, unfinished


def warn_of(run: Path) -> None:
    """Warn of it, in a sentence with its remedy."""
    whole = run_of(run) or run
    warn(each for each in (newer(whole), unfinished(whole)) if each)
