"""Runs that a later version wrote, or that are not finished: what to say of them before they are read."""

from __future__ import annotations

import re
from pathlib import Path

from rlaif.runs.layout import CLAIM, RUN
from rlaif.version import __version__

_VERSION = re.compile(r'"rlaif": "(\d+)\.(\d+)\.(\d+)[^"]*"')


def newer(run: Path) -> str:
    """A sentence where a later rlaif wrote a run, with the remedy; empty else."""
    own = tuple(int(each) for each in re.findall(r"\d+", __version__)[:3])
    found = [each for name in (RUN, CLAIM) if (each := _version(run / name)) is not None]
    if not found or max(found) <= own:
        return ""
    theirs = ".".join(map(str, max(found)))
    return f"{run}: it was made by rlaif {theirs}, and this is {__version__}: install that version to see all of it"


def unfinished(run: Path) -> str:
    """A sentence where a run was begun and not brought to its end, with the remedy; empty else."""
    if not (run / CLAIM).is_file() or (run / RUN).is_file():
        return ""
    return f"{run}: it is not finished, and figures are of what there is; the command that began it goes on"


def _version(path: Path) -> tuple[int, ...] | None:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = _VERSION.search(text)
    return None if found is None else tuple(map(int, found.groups()))
