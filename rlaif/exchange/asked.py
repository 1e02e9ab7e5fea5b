"""What a row asks, in the layouts of other projects: a question, what goes with it, a system text, earlier turns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rlaif.errors import PromptFileError, UnkeptError
from rlaif.exchange.columns import Columns, is_empty, peek
from rlaif.exchange.conversation import LEADS, check_conversation
from rlaif.exchange.turns import turns
from rlaif.records import Message, Role

CONVERSATIONS = ("messages", "conversations")
QUESTIONS = ("instruction", "question", "query", "problem", "input", "inputs")
"""In the order in which they are taken for the question; `input` beside another is a part of it."""
ADDED = ("input", "inputs", "context")
SYSTEM = ("system", "system_prompt")
_TURN = re.compile(r"\n\n(Human|Assistant):")
_ROLES: Mapping[str, Role] = {"Human": "user", "Assistant": "assistant"}


class QuestionTurns(NamedTuple):
    """The turns that a row asks; `turns` is empty where it has no column for them."""

    turns: tuple[Message, ...]
    system: str | None


def asked(row: Mapping[str, Any], where: str) -> QuestionTurns:
    """The question of a row with all that belongs to it, from whichever columns hold it. Raises PromptFileError."""
    system = system_of(row, where)
    name = next(
        (each for each in ("prompt", *CONVERSATIONS, *QUESTIONS) if peek(row, each) is not None), None
    )
    if name is None:
        return QuestionTurns((), system)
    value = row[name]
    if name in QUESTIONS:
        value = joined(row, name, where)
    found = dialogue(value) if name == "prompt" and isinstance(value, str) else None
    said = with_history(row, found or turns(value, where, name, role="user"), where, name)
    return QuestionTurns(with_system(said, system, where), system)


def system_of(row: Mapping[str, Any], where: str) -> str | None:
    """The text of a system column, None where it is absent or empty."""
    for name in SYSTEM:
        value = row.values_of.get(name) if isinstance(row, Columns) else row.get(name)
        if value not in (None, "") and value == value:
            value = row[name]
            if not isinstance(value, str):
                raise PromptFileError(f"{where}: {name!r} must be text, not {type(value).__name__}")
            return turns(value, where, name, role="system")[0].content
    return None


def with_system(said: Sequence[Message], system: str | None, where: str) -> tuple[Message, ...]:
    """The turns with a system turn in front. Raises UnkeptError where there is another one, a developer's too."""
    if system is None or not said:
        return tuple(said)
    first = next((each for each in said if each.role in LEADS), None)
    if first is None:
        return (Message(role="system", content=system), *said)
    if first is not said[0] or first.content.strip() != system.strip():
        raise UnkeptError(
            where,
            f"a `system` column beside turns that begin with another {first.role} turn"
            if first is said[0]
            else f"a `system` column beside turns that have a {first.role} turn too",
            "keep one of the two",
        )
    return tuple(said)


def joined(row: Mapping[str, Any], name: str, where: str) -> str:
    """The text of a question's column, and behind it that of `input` or `context`, as trainers join them."""
    more = [each for each in ADDED if each != name and peek(row, each) is not None]
    parts = [row[each] for each in (name, *more)]
    for column, value in zip((name, *more), parts, strict=True):
        if not isinstance(value, str):
            raise PromptFileError(f"{where}: {column!r} must be text, not {type(value).__name__}")
    return "\n".join(parts)


def with_history(
    row: Mapping[str, Any], said: Sequence[Message], where: str, column: str
) -> tuple[Message, ...]:
    """The turns behind those of the column `history`: pairs of a question and its answer, or turns."""
    given = peek(row, "history")
    if given is None:
        return tuple(said)
    given = row["history"]
    if isinstance(given, list) and all(isinstance(each, list) and len(each) == 2 for each in given):
        listed = [each for one, other in given for each in (("user", one), ("assistant", other))]
        given = [{"role": role, "content": text} for role, text in listed]
    whole = (*turns(given, where, "history", role="user"), *said)
    check_conversation(whole, where, column)
    return whole


def dialogue(text: str) -> tuple[Message, ...] | None:
    """The turns of a text with `Human:` and `Assistant:` paragraphs that ends where the assistant answers."""
    body = text.rstrip()
    if not body.endswith("\n\nAssistant:"):
        return None
    return human_turns(body.removesuffix("\n\nAssistant:"))


def human_turns(text: str) -> tuple[Message, ...] | None:
    """The turns of such paragraphs that end with the human's; None where the text is something else."""
    found = paragraphs(text)
    return found if found and found[-1].role == "user" and found[-1].content.strip() else None


def paragraphs(text: str) -> tuple[Message, ...]:
    """The turns of a text with such paragraphs, whoever has the last; none where it begins with something else."""
    parts = _TURN.split(text)
    if parts[0].strip():
        return ()
    return tuple(
        Message(role=_ROLES[who], content=said.removeprefix(" "))
        for who, said in zip(parts[1::2], parts[2::2], strict=True)
    )


def use_repeated(row: Mapping[str, Any], where: str, *said: Sequence[Message]) -> None:
    """Mark columns as used that say again what is there already: a question, or one of these conversations."""
    if not isinstance(row, Columns):
        return
    texts = {each.content.strip() for turns_ in said for each in turns_}
    for name in ("prompt", *CONVERSATIONS, *QUESTIONS):
        value = peek(row, name)
        if name in row.used or is_empty(value):
            continue
        again = isinstance(value, str) and value.strip() in texts
        if isinstance(value, list):
            again = turns(value, where, name, role="user") in [tuple(each) for each in said]
        if again:
            row.used.add(name)
