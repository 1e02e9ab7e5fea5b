"""Where examples come from that `rlaif train` learns from: a file, or what a recipe's run made last."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rlaif.errors import InputError
from rlaif.runs.layout import made_files, run_of

EXAMPLES, COMPLETIONS = "examples", "completions"


class ExampleSource(NamedTuple):
    """A file of examples, and what is known of how they came about."""

    file: Path
    run: Path | None = None
    """The run that made them."""
    completions: Path | None = None
    """The completions that they were made of."""


def example_source(source: Path) -> ExampleSource:
    """The examples that a path means. Raises InputError for a directory in which no step made any."""
    if source.is_file():
        return ExampleSource(source)
    run = run_of(source) or source
    made = [each for each in made_files(run) if each.kind == EXAMPLES and each.path.is_file()]
    if source != run:
        made = [each for each in made if each.path.parent == source]
    if not made:
        raise InputError(
            f"{source}: holds no examples; name a file of them, or a run of a recipe with a step that makes some "
            "(`contexts`, for distill)"
        )
    last = made[-1]
    drawn = last.of.get(COMPLETIONS)
    return ExampleSource(last.path, run, drawn if drawn is not None and drawn.is_file() else None)
