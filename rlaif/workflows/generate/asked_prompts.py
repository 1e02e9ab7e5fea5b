"""The prompts that a policy is asked: those of a file, or the beginnings of its conversations (`--from-turn`)."""

from __future__ import annotations

import logging
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange.prompts import located, read_prompts, row_prompt
from rlaif.exchange.rows import read_rows
from rlaif.exchange.turns import turns
from rlaif.feedback.branching import branched
from rlaif.records import Prompt

_log = logging.getLogger(__name__)
_CONVERSATIONS = ("messages", "conversations", "prompt")


def asked_prompts(
    ref: str, *, column: str | None = None, limit: int | None = None, from_turn: str | None = None
) -> list[Prompt]:
    """The prompts of a file or set; with `from_turn` those that end before that turn of the assistant's.

    `limit` counts rows. Raises PromptFileError, InputError.
    """
    if from_turn is None:
        return read_prompts(ref, column=column, limit=limit)
    return beginnings(read_conversations(ref, column=column, limit=limit), from_turn, ref)


def beginnings(conversations: list[Prompt], from_turn: str, whose: str) -> list[Prompt]:
    """The prompts that end before a turn of the assistant's; a sentence says of how many there is none."""
    found = branched(conversations, from_turn)
    if found.without:
        _log.warning(
            "%s: %d of %d conversations have no turn %s of the assistant's, and are left out",
            whose,
            found.without,
            len(conversations),
            from_turn,
        )
    return found.prompts


def read_conversations(ref: str, *, column: str | None = None, limit: int | None = None) -> list[Prompt]:
    """The conversations of a file, up to where the assistant's last turn begins; a prompt is one without an answer.

    Equal ones are one. Raises PromptFileError.
    """
    found: dict[str, Prompt] = {}
    rows = read_rows(located(ref))
    while (limit is None or len(found) < limit) and (row := next(rows, None)):
        prompt = row_prompt(_unanswered(row.value, row.where, column), row.where, column)
        found.setdefault(prompt.id, prompt)
    if not found:
        raise PromptFileError(f"{ref}: holds no conversation; add rows")
    return list(found.values())


def _unanswered(row: Any, where: str, column: str | None) -> Any:
    """A row whose conversation ends with what the assistant is to answer."""
    if not isinstance(row, dict):
        return row
    names = (column,) if column is not None else _CONVERSATIONS
    name = next((each for each in names if isinstance(row.get(each), list)), None)
    said = list(row[name]) if name is not None else []
    while len(said) > 1 and turns([said[-1]], where, str(name), role="user")[0].role == "assistant":
        said.pop()
    return row if name is None else {**row, name: said}
