"""An answer of a row: text or turns, with the thought and the calls that stand in columns beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.errors import PromptFileError, UnkeptError
from rlaif.exchange.columns import THOUGHTS, is_empty, peek
from rlaif.exchange.turns import turns
from rlaif.records import Message

BESIDE = (*THOUGHTS, "tool_calls", "function_call")
"""Columns that belong to the answer beside them."""


def answer_turns(row: Mapping[str, Any], where: str, column: str) -> tuple[Message, ...]:
    """The turns of a column that holds an answer, the last one the assistant's.

    Raises PromptFileError, and UnkeptError where a turn and a column beside it both have a thought or calls.
    """
    value = row[column]
    beside = {name: row[name] for name in BESIDE if name != column and peek(row, name) is not None}
    given = [value] if isinstance(value, Mapping) else value
    if beside:
        if given is None or isinstance(given, str):
            given = [{"role": "assistant", "content": given}]
        if isinstance(given, list) and given and isinstance(given[-1], Mapping):
            if twice := [name for name in BESIDE if not is_empty(given[-1].get(name))]:
                raise UnkeptError(
                    where,
                    f"`{twice[0]}` in {column!r}, and column `{next(iter(beside))}`",
                    "keep one of the two",
                )
            given = [*given[:-1], {**given[-1], **beside}]
    said = turns(given, where, column, role="assistant")
    if said[-1].role != "assistant":
        raise PromptFileError(f"{where}: {column!r} must end with the assistant's turn")
    return said


def answer_to(prompt: Sequence[Message], said: Sequence[Message], where: str) -> tuple[Message, ...]:
    """The turns of an answer that may stand behind those of its prompt, or behind the last of them.

    Raises UnkeptError where other turns stand before the assistant's: they would be lost.
    """
    for size in range(len(prompt), 0, -1):
        if tuple(said[:size]) == tuple(prompt[-size:]):
            said = said[size:]
            break
    if not said or said[0].role != "assistant":
        raise UnkeptError(where, "an answer begins with turns that are not its prompt's", "leave them out")
    return tuple(said)
