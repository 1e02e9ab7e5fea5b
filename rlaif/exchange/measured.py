"""`measured.jsonl`: what each held-out prompt gave where a policy was measured, for figures paired by prompt.

A row is one of completions, with what was measured of it in the column `measured`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlaif.atomic import write_lines
from rlaif.errors import RunError, UnkeptError
from rlaif.exchange.completions import completion_row, row_completions
from rlaif.exchange.row_text import row_json
from rlaif.exchange.rows import Row, read_rows
from rlaif.records import Completion, Prompt

COLUMN = "measured"
_OF_PRINCIPLES = ("gold", "judge", "first_judge", "beats")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredAnswer:
    """An answer to a held-out prompt, and what was read of it: by principle, from 0 (violates it) to 1 (follows it)."""

    model: str
    """What figures call who answered."""
    prompt: Prompt
    answer: Completion
    gold: Mapping[str, float] = field(default_factory=dict)
    judge: Mapping[str, float] = field(default_factory=dict)
    first_judge: Mapping[str, float] = field(default_factory=dict)
    """By the judge that the run began with; empty where that one is the judge."""
    beats: Mapping[str, float] = field(default_factory=dict)
    """By who else answered: 1 where this answer was judged better, 0 where that one was, one half for even ones."""


def write_measured(path: Path, answers: Iterable[MeasuredAnswer]) -> int:
    """Write a file that `read_measured` reads back; says how many rows. Answers that no file can keep are left out."""
    return write_lines(path, _rows(answers))


def read_measured(path: Path) -> list[MeasuredAnswer]:
    """The answers of such a file. Raises RunError where a row is none, with its line."""
    return [_measured(row) for row in read_rows(path)]


def _rows(answers: Iterable[MeasuredAnswer]) -> Iterator[str]:
    for each in answers:
        try:
            yield row_json(_row(each))
        except UnkeptError:  # its figures are in the mean, and no evaluation is worth losing for it
            continue


def _row(each: MeasuredAnswer) -> dict[str, Any]:
    found = {name: dict(own) for name in _OF_PRINCIPLES if (own := getattr(each, name))}
    return completion_row((each.prompt, each.answer)) | {COLUMN: {"model": each.model, **found}}


def _measured(row: Row) -> MeasuredAnswer:
    value = dict(row.value) if isinstance(row.value, Mapping) else {}
    held = value.pop(COLUMN, None)
    if not isinstance(held, Mapping) or not isinstance(held.get("model"), str):
        raise RunError(f"{row.where}: has no `{COLUMN}`: it is not as rlaif wrote it; make it again")
    [(prompt, answer)] = row_completions(Row(row.where, value))
    return MeasuredAnswer(
        model=held["model"],
        prompt=prompt,
        answer=answer,
        **{name: _shares(held.get(name), row.where) for name in _OF_PRINCIPLES},
    )


def _shares(value: Any, where: str) -> dict[str, float]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(type(each) in (int, float) for each in value.values()):
        raise RunError(f"{where}: `{COLUMN}` is not as rlaif wrote it; make it again")
    return {str(name): float(each) for name, each in value.items()}
