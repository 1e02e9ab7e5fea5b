"""Prompt sets from files of other people: JSONL, JSON, CSV, Parquet, text, `datasets` directories."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlaif.atomic import write_lines
from rlaif.errors import PromptFileError, UnkeptError
from rlaif.exchange.asked import CONVERSATIONS, QUESTIONS, joined, system_of, with_history, with_system
from rlaif.exchange.cells import json_form
from rlaif.exchange.columns import ASKED_TOO, Columns, is_empty
from rlaif.exchange.rendered import holds_turns
from rlaif.exchange.row_text import row_json
from rlaif.exchange.rows import read_rows
from rlaif.exchange.tools import read_tools, tools_of
from rlaif.exchange.turns import checked_prompt, prompt_turns, turn_rows, turns
from rlaif.records import Message, Prompt
from rlaif.shipped import shipped_set, shipped_sets

_log = logging.getLogger(__name__)
_COLUMNS = ("prompt", "messages")
_OWN = (
    *_COLUMNS,
    "tools",
    "tags",
    "gold",
    "completion",
    "completions",
    "policy",
    "draw",
    "finish",
    "token_ids",
    "thought",
    "open_thought",
    "tool_calls",
    "lead",
    "turn_keys",
    "origin",
    "columns",
)
"""What rows that are written here hold: a file's own columns of these names have a place of their own."""
_WHERE_FILLED = ("tools", "thought", "open_thought", "tool_calls", "lead", "turn_keys", "origin")
"""Those of them that are there only where they say something."""
_LAYOUTS = (
    {"instruction", "input"},
    {"instruction", "output"},
    {"instruction", "context"},
    {"conversations"},
)
"""Columns by which other projects' prompts are known: alpaca, dolly, ShareGPT."""
_MAY_ASK = (*QUESTIONS, "context", "passage", "user_prompt")
_SEPARATORS = re.compile(r"[\s;,|]+")


def read_prompts(ref: str | Path, *, column: str | None = None, limit: int | None = None) -> list[Prompt]:
    """Read a shipped set (`micro:train`) or a file; `column` names the one that holds the prompt.

    A repeated prompt is kept once, with the tags of all its rows: its completions would be the same. What belongs to
    a prompt (a system text, `input` beside an instruction) is read with it. Raises PromptFileError.
    """
    prompts: dict[str, Prompt] = {}
    repeats, tagged = 0, 0
    rows = read_rows(located(ref))
    # the limit is asked before a row is: what comes after it may be broken, or a long way off
    while (limit is None or len(prompts) < limit) and (row := next(rows, None)):
        prompt = row_prompt(row.value, row.where, column)
        if known := prompts.get(prompt.id):
            repeats += 1
            tagged += set(known.tags) != set(prompt.tags)
            prompt = _together(known, prompt, row.where)
        prompts[prompt.id] = prompt
    if not prompts and limit != 0:
        raise PromptFileError(f"{ref}: holds no prompt; add rows")
    _say(ref, list(prompts.values()), repeats, tagged)
    return list(prompts.values())


def _together(known: Prompt, again: Prompt, where: str) -> Prompt:
    """A prompt that stands twice: with the tags of both, and the first one's further columns."""
    if None not in (known.gold, again.gold) and known.gold != again.gold:
        raise PromptFileError(
            f"{where}: `gold` is {again.gold!r}, and {known.gold!r} where the same prompt stood before; keep one"
        )
    tags = tuple(dict.fromkeys((*known.tags, *again.tags)))
    gold = known.gold if known.gold is not None else again.gold
    return known if (tags, gold) == (known.tags, known.gold) else replace(known, tags=tags, gold=gold)


def _say(ref: str | Path, prompts: Sequence[Prompt], repeats: int, tagged: int) -> None:
    if repeats:
        _log.warning("%s: %d repeated prompts are used once", ref, repeats)
    if tagged:
        _log.warning("%s: %d of them had other tags, and have the tags of all their rows", ref, tagged)
    beside = {key for each in prompts for key, value in each.meta.items() if not is_empty(value)} & {
        *_MAY_ASK
    }
    if beside:
        _log.warning(
            "%s: %s: kept, and not shown to a model; join them to the prompt where they belong to it",
            ref,
            ", ".join(sorted(beside)),
        )
    rendered = sum(any(holds_turns(each.content) for each in prompt.messages) for prompt in prompts)
    if rendered:
        _log.warning(
            "%s: %d prompts hold a chat template's marks, which are asked as text; give the turns as `messages`",
            ref,
            rendered,
        )


def write_prompts(path: Path, prompts: Iterable[Prompt]) -> int:
    """Write a JSONL file that `read_prompts` reads back; says how many rows."""
    return write_lines(path, (row_json(prompt_row(prompt)) for prompt in prompts))


def prompt_row(prompt: Prompt) -> dict[str, Any]:
    """A row as `prompts/sets/*.jsonl` have it: one user turn as `prompt` text, else `messages`.

    Further columns keep their names; those that are called as ours are stand under `columns`.
    """
    said = turn_rows(prompt.messages)
    single = said == [{"role": "user", "content": prompt.text}]
    row: dict[str, Any] = {"prompt": prompt.text} if single else {"messages": said}
    if prompt.tools:
        row["tools"] = list(prompt.tools)
    if prompt.tags:
        row["tags"] = list(prompt.tags)
    if prompt.gold is not None:
        row["gold"] = prompt.gold
    clash = {name: value for name, value in prompt.meta.items() if is_own(name, value)}
    rest = {name: value for name, value in prompt.meta.items() if name not in clash}
    return row | rest | ({"columns": clash} if clash else {})


def is_own(name: str, value: Any) -> bool:
    """Whether a column of this name and value says something of ours in a row that is written here."""
    return name in _OWN and not (name in _WHERE_FILLED and is_empty(value))


def row_prompt(row: Any, where: str, column: str | None = None) -> Prompt:
    """One row. Columns that are no part of a prompt go to `meta`."""
    if isinstance(row, str):
        row = {"prompt": row}
    if not isinstance(row, dict):
        raise PromptFileError(f"{where}: a row must be an object, not {type(row).__name__}")
    values = Columns(row)
    name = _column(values, where, column)
    messages, tools = _asked(values, name, where), tools_of(values, where)
    tags, gold = _tags(values.get("tags"), where), _gold(values.get("gold"), where)
    _refuse_parts(values, where)
    return Prompt(
        messages=messages,
        tools=tools,
        tags=tags,
        gold=gold,
        meta=_meta(row, values.used, where),
    )


def plain_prompt(row: Mapping[str, Any], where: str) -> Prompt:
    """A row that `prompt_row` wrote: whatever its further columns are called, they are no part of the prompt."""
    name = _column(row, where, None)
    tools = read_tools(row.get("tools"), where, "tools")
    used = {name, "tags", "gold", *(["tools"] if tools else [])}
    return Prompt(
        messages=prompt_turns(_cell(row[name], name), where, name),
        tools=tools,
        tags=_tags(row.get("tags"), where),
        gold=_gold(row.get("gold"), where),
        meta=_meta(row, used, where),
    )


def _meta(row: Mapping[str, Any], used: Container[str], where: str) -> dict[str, Any]:
    """The further columns, as JSON can hold them: they are written again with what is made of the prompt."""
    rest = {
        json_form(str(key), where, str(key)): json_form(value, where, str(key))
        for key, value in row.items()
        if key not in used
    }
    clash = rest.get("columns")
    if isinstance(clash, dict) and clash and clash.keys() <= {*_OWN}:
        del rest["columns"]
        rest |= clash
    return rest


def _asked(values: Columns, name: str, where: str) -> tuple[Message, ...]:
    """The prompt with what belongs to it: `input` or `context` of an instruction, a system text, earlier turns."""
    value = _cell(values[name], name)
    if name in QUESTIONS and isinstance(value, str):
        value = joined(values, name, where)
    said = with_history(values, turns(value, where, name, role="user"), where, name)
    return checked_prompt(with_system(said, system_of(values, where), where), where, name)


def _refuse_parts(values: Columns, where: str) -> None:
    """Raises UnkeptError for columns that are a part of what is asked and can be no part of a prompt here."""
    for name in values.left:
        if name.lower() in ASKED_TOO:
            raise UnkeptError(
                where,
                f"column `{name}` is filled, and a prompt is turns and tools alone",
                "remove the column where it has no meaning, or leave such rows out",
            )


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
    if not present and (layout := next((names for names in _LAYOUTS if names <= row.keys()), None)):
        return "conversations" if "conversations" in layout else "instruction"
    if present:
        raise PromptFileError(f"{where}: both `prompt` and `messages`; keep one, or name the column to read")
    known = ", ".join(row) or "none"
    raise PromptFileError(f"{where}: no `prompt` or `messages` (columns: {known}); name the prompt's column")


def _cell(value: Any, name: str) -> Any:
    # a CSV has text only: turns stand there as JSON, and must not become a prompt that shows brackets
    if name in CONVERSATIONS and isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value


def _tags(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(tag for tag in _SEPARATORS.split(json_form(value, where, "tags")) if tag)
    if isinstance(value, list) and all(isinstance(tag, str) and tag.strip() for tag in value):
        return tuple(json_form(value, where, "tags"))
    raise PromptFileError(f"{where}: `tags` must be a list of words, or words with `;` between them")


def _gold(value: Any, where: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return str(json_form(value, where, "gold"))
    raise PromptFileError(f"{where}: `gold` must be the name of a gold source, not {type(value).__name__}")
