"""A directory of something else is refused in a moment: before models are loaded, not after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.runs.claim import refuse_others
from rlaif.runs.layout import is_run
from rlaif.workflows.models.pool import ModelPool


def refuse_early(
    out: Path,
    models: ModelPool,
    names: Sequence[str],
    describe: Callable[[], Mapping[str, Any]],
    *,
    command: str,
) -> None:
    """Raise RunError where `out` belongs to another command or configuration.

    Args:
        out: the directory of the run.
        models: those of the command, none of them open.
        names: what it is going to open.
        describe: gives the configuration; asked only where it can be told without opening a model.
        command: its name.
    """
    if is_run(out) and models.told_unopened(*names):
        refuse_others(out, describe(), command=command)
