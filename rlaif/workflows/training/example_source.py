"""Where examples come from that `rlaif train` learns from: a file, or what a recipe's run made last."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rlaif.errors import InputError
from rlaif.exchange.rows import holds_rows, read_rows
from rlaif.runs.layout import made_files, pair_files, run_of

EXAMPLES, COMPLETIONS = "examples", "completions"


class ExampleSource(NamedTuple):
    """A file of examples, and what is known of how they came about."""

    file: Path
    run: Path | None = None
    """The run that made them."""
    completions: Path | None = None
    """The completions that they were made of."""


def only_examples(source: Path) -> bool:
    """Whether a path means examples and no pairs: a file of them, or a run whose recipe makes these alone."""
    if source.is_dir():
        run = run_of(source) or source
        return not pair_files(run) and any(each.kind == EXAMPLES for each in made_files(run))
    try:
        _, row = next(iter(read_rows(source, limit=1)))
    except (InputError, StopIteration):
        # what is wrong with it is said where it is read
        return False
    return isinstance(row, Mapping) and "messages" in row and "chosen" not in row


def example_source(source: Path) -> ExampleSource:
    """The examples that a path means: a file's, a data set's (`DIR`, `DIR#split`), or those that a run made last.

    Raises InputError for the directory of a run in which no step made any, and for one without data.
    """
    run = run_of(source) or source
    if not source.is_dir() or (run_of(source) is None and holds_rows(source)):
        return ExampleSource(source)
    made = [each for each in made_files(run) if each.kind == EXAMPLES and each.path.is_file()]
    if source != run:
        made = [each for each in made if each.path.parent == source]
    if not made:
        raise InputError(
            f"{source}: holds no examples; name a file of them, or a run of a recipe with a step that makes some "
            "(`examples`; `contexts`, for distill)"
        )
    last = made[-1]
    drawn = last.of.get(COMPLETIONS)
    return ExampleSource(last.path, run, drawn if drawn is not None and drawn.is_file() else None)
