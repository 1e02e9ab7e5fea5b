"""Prompt sets from files of other people: JSONL, JSON, CSV, Parquet, text, `datasets` directories."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rlaif.atomic import write_lines
from rlaif.errors import PromptFileError
from rlaif.exchange.rows import read_rows
from rlaif.exchange.turns import prompt_turns, turn_rows
from rlaif.hashing import canonical_json
from rlaif.records import Message, Prompt
from rlaif.shipped import shipped_set, shipped_sets

_log = logging.getLogger(__name__)
_COLUMNS = ("prompt", "messages")
_SEPARATORS = re.compile(r"[\s;,|]+")


def read_prompts(ref: str | Path, *, column: str | None = None, limit: int | None = None) -> list[Prompt]:
    """Read a shipped set (`micro:train`) or a file; `column` names the one that holds the prompt.

    A repeated prompt is kept once: its completions would be the same. Raises PromptFileError.
    """
    prompts: dict[str, Prompt] = {}
    repeats = 0
    rows = read_rows(located(ref))
    # the limit is asked before a row is: what comes after it may be broken, or a long way off
    while (limit is None or len(prompts) < limit) and (row := next(rows, None)):
        prompt = row_prompt(row.value, row.where, column)
        repeats += prompt.id in prompts
        prompts.setdefault(prompt.id, prompt)
    if not prompts and limit != 0:
        raise PromptFileError(f"{ref}: holds no prompt; add rows")
    if repeats:
        _log.warning("%s: %d repeated prompts are used once", ref, repeats)
    return list(prompts.values())


def write_prompts(path: Path, prompts: Iterable[Prompt]) -> int:
    """Write a JSONL file that `read_prompts` reads back; says how many rows."""
    return write_lines(path, (canonical_json(prompt_row(prompt)) for prompt in prompts))


def prompt_row(prompt: Prompt) -> dict[str, Any]:
    """A row as `prompts/sets/*.jsonl` have it: one user turn as `prompt` text, else `messages`."""
    single = len(prompt.messages) == 1
    row: dict[str, Any] = {"prompt": prompt.text} if single else {"messages": turn_rows(prompt.messages)}
    if prompt.tags:
        row["tags"] = list(prompt.tags)
    if prompt.gold is not None:
        row["gold"] = prompt.gold
    return row | dict(prompt.meta)


def row_prompt(row: Any, where: str, column: str | None = None) -> Prompt:
    """One row. Columns that are no part of a prompt go to `meta`."""
    if isinstance(row, str):
        row = {"prompt": row}
    if not isinstance(row, dict):
        raise PromptFileError(f"{where}: a row must be an object, not {type(row).__name__}")
    name = _column(row, where, column)
    used = {name, "tags", "gold"}
    return Prompt(
        messages=prompt_turns(_cell(row[name], name), where, name),
        tags=_tags(row.get("tags"), where),
        gold=_gold(row.get("gold"), where),
        meta={key: value for key, value in row.items() if key not in used},
    )


def single_turn(text: str) -> tuple[Message, ...]:
    """The turns of a prompt that is one text."""
    return (Message(role="user", content=text),)


def located(ref: str | Path) -> str | Path:
    """The file of a shipped set, or `ref` itself."""
    if not isinstance(ref, str) or ":" not in ref:
        return ref
    found = shipped_set(ref)
    known = [name.replace("-", ":", 1) for name in shipped_sets()]
    if found is None and ref.partition(":")[0] in {name.partition(":")[0] for name in known}:
        raise PromptFileError(f"{ref}: no such bundled set; there are {', '.join(known)}")
    return found or ref


def _column(row: Mapping[str, Any], where: str, column: str | None) -> str:
    if column is not None:
        if column in row:
            return column
        raise PromptFileError(f"{where}: no column {column!r}; this row has: {', '.join(row) or 'none'}")
    present = [name for name in _COLUMNS if name in row]
    if len(present) == 1:
        return present[0]
    if present:
        raise PromptFileError(f"{where}: both `prompt` and `messages`; keep one, or name the column to read")
    known = ", ".join(row) or "none"
    raise PromptFileError(f"{where}: no `prompt` or `messages` (columns: {known}); name the prompt's column")


def _cell(value: Any, name: str) -> Any:
    # a CSV has text only: turns stand there as JSON, and must not become a prompt that shows brackets
    if name == "messages" and isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return None
    return value


def _tags(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(tag for tag in _SEPARATORS.split(value) if tag)
    if isinstance(value, list) and all(isinstance(tag, str) and tag.strip() for tag in value):
        return tuple(value)
    raise PromptFileError(f"{where}: `tags` must be a list of words, or words with `;` between them")


def _gold(value: Any, where: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    raise PromptFileError(f"{where}: `gold` must be the name of a gold source, not {type(value).__name__}")
