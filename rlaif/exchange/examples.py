"""Conversations to learn the last turn of (SFT sets, replay of judge examples)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rlaif.atomic import write_lines
from rlaif.errors import PromptFileError
from rlaif.exchange.answers import answer_turns
from rlaif.exchange.asked import CONVERSATIONS, asked, system_of, use_repeated, with_history, with_system
from rlaif.exchange.columns import Columns, is_empty, say_left
from rlaif.exchange.fields import number, shown
from rlaif.exchange.prompts import located
from rlaif.exchange.row_text import row_json
from rlaif.exchange.rows import read_rows
from rlaif.exchange.stepwise import COLUMNS, half_stepwise, is_stepwise, stepwise_examples
from rlaif.exchange.tools import tools_of
from rlaif.exchange.turns import turn_rows, turns
from rlaif.records import Example

_ANSWERS = ("output", "completion", "response", "answer")


def read_examples(ref: str | Path, limit: int | None = None) -> list[Example]:
    """Rows `{"messages": [...], "kind": "judge"}` of a file or a shipped set (`micro:judge`).

    `weight` says how much a row counts, 1 unless it is said; `teacher` holds the turns that a teacher is shown instead.
    `learned` says how many of the last turns are to be learned, of which the assistant's are: 1 unless it is said.
    Also what other projects learn from: `conversations`, or a prompt (`instruction` with `input`) and its answer
    (`output`, `completion`, `response`), with `system` and `history`; and the labelled steps of an answer (`prompt`,
    `completions`, `labels`), of which each makes an example. Columns that mean nothing here are said once.
    """
    left: dict[str, None] = {}
    examples = []
    for where, row in read_rows(located(ref), limit=limit):
        values = Columns(row) if isinstance(row, Mapping) else row
        examples += row_examples(values, where)
        if isinstance(values, Columns):
            left |= dict.fromkeys(values.finished(where))
    if not examples and limit != 0:
        raise PromptFileError(f"{ref}: holds no example; add rows")
    say_left(ref, left)
    return examples


def row_examples(row: Any, where: str) -> list[Example]:
    """The examples of one row: labelled steps are several."""
    if isinstance(row, Mapping) and is_stepwise(row):
        return stepwise_examples(row, where)
    return [row_example(row, where)]


def row_example(row: Any, where: str) -> Example:
    """One row; its last turn must be the assistant's."""
    if isinstance(row, Mapping) and (missing := half_stepwise(row)) is not None:
        raise PromptFileError(f"{where}: no column `{missing}`; labelled steps are `{'`, `'.join(COLUMNS)}`")
    if not isinstance(row, Mapping) or not any(name in row for name in (*CONVERSATIONS, *_ANSWERS)):
        raise PromptFileError(f"{where}: an example must be an object with `messages`")
    name = next((each for each in CONVERSATIONS if each in row), None)
    if name is not None:
        given = with_history(row, turns(row[name], where, name, role="user"), where, name)
        messages = with_system(given, system_of(row, where), where)
        use_repeated(row, where, messages, messages[:-1])
        usual = 1
    else:
        said = answer_turns(row, where, next(each for each in _ANSWERS if each in row))
        messages, usual = (*asked(row, where).turns, *said), len(said)
    kind = row.get("kind", "")
    if len(messages) < 2 or messages[-1].role != "assistant":
        raise PromptFileError(f"{where}: an example must end with the assistant's turn, the one to learn")
    if not isinstance(kind, str):
        raise PromptFileError(f"{where}: `kind` must be a word")
    learned = row.get("learned", usual)
    if not isinstance(learned, int) or isinstance(learned, bool) or not 0 < learned < len(messages):
        raise PromptFileError(
            f"{where}: `learned` is {learned!r}; it is how many of the last turns are to be learned, 1 or more, "
            "and one turn at least stands before them"
        )
    weight = number(row.get("weight", 1.0))
    if weight is None or not 0 <= weight < math.inf:
        raise PromptFileError(f"{where}: `weight` is {shown(row['weight'])}; it must be a number, 0 or above")
    teacher = turns(row["teacher"], where, "teacher", role="user") if not is_empty(row.get("teacher")) else ()
    return Example(
        messages=messages,
        tools=tools_of(row, where),
        kind=kind,
        weight=weight,
        learned=learned,
        teacher=tuple(teacher),
    )


def write_examples(path: Path, examples: Iterable[Example]) -> int:
    """Write a JSONL file that `read_examples` reads back; says how many rows."""
    return write_lines(path, (row_json(_row(each)) for each in examples))


def _row(example: Example) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": example.kind, "messages": turn_rows(example.messages)}
    if example.tools:
        row["tools"] = list(example.tools)
    if example.learned != 1:
        row["learned"] = example.learned
    if example.weight != 1.0:
        row["weight"] = example.weight
    if example.teacher:
        row["teacher"] = turn_rows(example.teacher)
    return row
