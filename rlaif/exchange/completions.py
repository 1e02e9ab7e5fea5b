"""Completions brought along, or written by a run: one row a completion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast, get_args

from rlaif.atomic import write_lines
from rlaif.errors import PromptFileError, UnkeptError
from rlaif.exchange.columns import SAID_TOO, is_empty
from rlaif.exchange.fields import number, shown
from rlaif.exchange.prompts import plain_prompt, prompt_row, row_prompt
from rlaif.exchange.rows import Row, read_rows
from rlaif.exchange.turns import turns
from rlaif.hashing import canonical_json
from rlaif.records import Completion, Finish, Prompt

_FINISHES = get_args(Finish)
MAX_DRAW = 10**9
"""The highest number that a draw can have."""
_OWN = ("completion", "completions", "policy", "draw", "finish", "token_ids")
_WRITTEN = {"completion", "policy", "draw", "finish"}
"""A row with all of these is one that was written here: its prompt is what was asked, to the letter."""


def read_completions(path: str | Path) -> list[tuple[Prompt, Completion]]:
    """Rows with `prompt` (or `messages`) and `completion`, or `completions` (a list of texts).

    `policy`, `draw`, `finish` and `token_ids` are optional: a text of unknown origin counts as `given`, and
    draws are counted per prompt. `messages` that end with the assistant's turn hold both.
    """
    draws: Counter[str] = Counter()
    pairs = []
    for row in read_rows(path):
        prompt, entries = _row(row)
        for entry in entries:
            pairs.append((prompt, _completion(prompt, entry, row.where, draws[prompt.id])))
            draws[prompt.id] += 1
    if not pairs:
        raise PromptFileError(f"{path}: holds no completion; add rows")
    return pairs


def write_completions(path: Path, completions: Iterable[tuple[Prompt, Completion]]) -> int:
    """Write a JSONL file that `read_completions` reads back; says how many rows."""
    return write_lines(path, (canonical_json(row) for row in map(_completion_row, completions)))


def _row(row: Row) -> tuple[Prompt, list[dict[str, Any]]]:
    where, value = row
    if not isinstance(value, dict):
        raise PromptFileError(f"{where}: a row must be an object, not {type(value).__name__}")
    for name in SAID_TOO:
        if not is_empty(value.get(name)) and not value.keys() >= _WRITTEN:
            raise UnkeptError(
                where,
                f"column `{name}` is filled, and an answer is text alone",
                "remove it, or leave such rows out",
            )
    own = {key: value[key] for key in _OWN if key in value}
    rest = {key: item for key, item in value.items() if key not in _OWN}
    if "completion" in own and "completions" in own:
        raise PromptFileError(f"{where}: both `completion` and `completions`; keep one")
    if not {"completion", "completions"} & own.keys():
        rest, own["completion"] = _split(rest, where)
    read = plain_prompt if own.keys() >= _WRITTEN else row_prompt
    if "completions" not in own:
        return read(rest, where), [own]
    texts = own.pop("completions")
    if not isinstance(texts, list) or not texts:
        raise PromptFileError(f"{where}: `completions` must be a list of texts, at least one")
    return read(rest, where), [own | {"completion": text} for text in texts]


def _split(rest: dict[str, Any], where: str) -> tuple[dict[str, Any], Any]:
    whole = rest.get("messages")
    turns_given = whole if isinstance(whole, list) and len(whole) > 1 else [None]
    last = turns_given[-1]
    if isinstance(last, dict) and last.get("role") == "assistant":
        return rest | {"messages": turns_given[:-1]}, [last]
    known = ", ".join(rest) or "none"
    raise PromptFileError(f"{where}: no `completion` (columns: {known}); add the text that was answered")


def _completion(prompt: Prompt, entry: dict[str, Any], where: str, draw: int) -> Completion:
    said = turns(entry["completion"], where, "completion", role="assistant")
    finish, ids = entry.get("finish", "given"), entry.get("token_ids")
    if len(said) != 1 or said[0].role != "assistant":
        raise PromptFileError(f"{where}: `completion` must be a text or one assistant turn")
    if finish not in _FINISHES:
        raise PromptFileError(
            f"{where}: `finish` is {shown(finish)}; it must be one of {', '.join(_FINISHES)}"
        )
    policy, place = entry.get("policy", "given"), number(entry.get("draw", draw))
    if place is None or not 0 <= place <= MAX_DRAW or place != int(place):
        raise PromptFileError(f"{where}: `draw` must be a whole number")
    if not isinstance(policy, str):
        raise PromptFileError(f"{where}: `policy` must be text, the name of who wrote it")
    if ids is not None and not (isinstance(ids, list) and all(type(each) is int for each in ids)):
        raise PromptFileError(f"{where}: `token_ids` must be a list of whole numbers")
    return Completion(
        prompt_id=prompt.id,
        text=said[0].content,
        policy=policy,
        draw=int(place),
        finish=cast(Finish, finish),
        token_ids=None if ids is None else tuple(ids),
    )


def _completion_row(entry: tuple[Prompt, Completion]) -> dict[str, Any]:
    prompt, said = entry
    row = prompt_row(prompt) | {
        "completion": said.text,
        "policy": said.policy,
        "draw": said.draw,
        "finish": said.finish,
    }
    return row if said.token_ids is None else row | {"token_ids": list(said.token_ids)}


def by_prompt(completions: Iterable[tuple[Prompt, Completion]]) -> Iterator[tuple[Prompt, list[Completion]]]:
    """Completions of each prompt together, prompts in the order of their first completion."""
    groups: dict[str, tuple[Prompt, list[Completion]]] = {}
    for prompt, said in completions:
        groups.setdefault(prompt.id, (prompt, []))[1].append(said)
    yield from groups.values()
