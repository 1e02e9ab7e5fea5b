"""hh-rlhf: two whole dialogues as texts, which part at the last answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange.asked import human_turns
from rlaif.exchange.benchmarks import fields
from rlaif.exchange.preferences.nouns import Format, each_row, said
from rlaif.exchange.preferences.trl import SAME
from rlaif.exchange.rows import Row
from rlaif.records import Message, Pair, Role

ANSWER = "\n\nAssistant:"
PROMPTS_DIFFER = "the two prompts differ"
NO_DIALOGUE = "its prompt is no dialogue that ends with the human's turn"
_TURN = re.compile(r"\n\n(Human|Assistant):")
_NAMES: dict[Role, str] = {"user": "Human", "assistant": "Assistant"}


def recognises(row: Mapping[str, Any]) -> bool:
    """Two texts that hold a turn each, and no prompt beside them."""
    sides = [row.get(name) for name in ("chosen", "rejected")]
    return "prompt" not in row and all(isinstance(side, str) and ANSWER in side for side in sides)


def pair_of(row: Row) -> Pair | str:
    """Split at the last `Assistant:`; the blank after a turn's mark belongs to the mark. Raises PromptFileError."""
    (before, chosen), (before_too, rejected) = (_split(row, column) for column in ("chosen", "rejected"))
    if before != before_too:
        return PROMPTS_DIFFER
    if chosen == rejected:
        return SAME
    prompt = human_turns(before)
    return NO_DIALOGUE if prompt is None else Pair(
        prompt=prompt, chosen=said(chosen), rejected=said(rejected), label_prob=1.0
    )  # fmt: skip


def pair_rows(pair: Pair) -> Sequence[Mapping[str, Any]]:
    """Both dialogues whole; none where a system turn, or a text that looks like a turn, would not come back."""
    turns = [*pair.prompt, *pair.chosen, *pair.rejected]
    if len(pair.chosen) != 1 or len(pair.rejected) != 1 or any(each.role not in _NAMES for each in turns):
        return []
    if any(_TURN.search(each.content) for each in turns):
        return []
    before = _dialogue(pair.prompt)
    return [{"chosen": before + _dialogue(pair.chosen), "rejected": before + _dialogue(pair.rejected)}]


def _dialogue(turns: Sequence[Message]) -> str:
    return "".join(f"\n\n{_NAMES[each.role]}: {each.content}" for each in turns)


def _split(row: Row, column: str) -> tuple[str, str]:
    before, found, answer = fields.text(row, column).rpartition(ANSWER)
    if not found:
        raise PromptFileError(f"{row.where}: {column!r} holds no `Assistant:` turn")
    return before, answer.removeprefix(" ")


HH = Format(
    name="hh-rlhf",
    shape="chosen, rejected: whole dialogues with Human: and Assistant:",
    recognises=recognises,
    read=each_row(pair_of),
    write=pair_rows,
)
