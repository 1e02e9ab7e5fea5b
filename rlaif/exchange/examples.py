"""Conversations to learn the last turn of (SFT sets, replay of judge examples)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rlaif.atomic import write_lines
from rlaif.errors import PromptFileError
from rlaif.exchange.prompts import located
from rlaif.exchange.rows import read_rows
from rlaif.exchange.turns import turn_rows, turns
from rlaif.hashing import canonical_json
from rlaif.records import Example


def read_examples(ref: str | Path, limit: int | None = None) -> list[Example]:
    """Rows `{"messages": [...], "kind": "judge"}` of a file or a shipped set (`micro:judge`)."""
    examples = [row_example(row, where) for where, row in read_rows(located(ref), limit=limit)]
    if not examples and limit != 0:
        raise PromptFileError(f"{ref}: holds no example; add rows")
    return examples


def row_example(row: Any, where: str) -> Example:
    """One row; its last turn must be the assistant's."""
    if not isinstance(row, dict) or "messages" not in row:
        raise PromptFileError(f"{where}: an example must be an object with `messages`")
    messages, kind = turns(row["messages"], where, "messages", role="user"), row.get("kind", "")
    if len(messages) < 2 or messages[-1].role != "assistant":
        raise PromptFileError(f"{where}: an example must end with the assistant's turn, the one to learn")
    if not isinstance(kind, str):
        raise PromptFileError(f"{where}: `kind` must be a word")
    return Example(messages=messages, kind=kind)


def write_examples(path: Path, examples: Iterable[Example]) -> int:
    """Write a JSONL file that `read_examples` reads back; says how many rows."""
    rows = ({"kind": each.kind, "messages": turn_rows(each.messages)} for each in examples)
    return write_lines(path, (canonical_json(row) for row in rows))
