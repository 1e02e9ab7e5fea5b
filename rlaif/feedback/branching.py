"""Prompts out of conversations: the assistant's turn k is drawn anew, given all that was said before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from rlaif.errors import InputError
from rlaif.records import Message, Prompt

LAST, EACH = "last", "each"
BRANCH = "branch"
"""The further column that says of which conversation a prompt is the beginning, and where it ends."""


class Branched(NamedTuple):
    """The prompts, and how many conversations have no such turn."""

    prompts: list[Prompt]
    without: int


def read_turn(text: str) -> str:
    """A number from 1, `last` or `each`. Raises ValueError."""
    if text in (LAST, EACH) or (text.isdecimal() and int(text) > 0):
        return text
    raise ValueError(
        f"{text!r} is not the number of an assistant's turn, from 1 on, nor `{LAST}` or `{EACH}`"
    )


def branched(conversations: Sequence[Prompt], turn: str) -> Branched:
    """The prompts that end where the assistant's turn `turn` begins: a number from 1, `last`, or `each` of them.

    The last turn that can be drawn is the answer to the whole prompt. A prompt that is shorter than its conversation
    says in its column `branch` where it comes from. Equal prompts are one. Raises InputError where no conversation has
    such a turn.
    """
    try:
        turn = read_turn(turn)
    except ValueError as wrong:
        raise InputError(f"from_turn: {wrong}") from None
    prompts: dict[str, Prompt] = {}
    without = 0
    for whole in conversations:
        ends = _ends(whole.messages)
        chosen = range(len(ends)) if turn == EACH else [len(ends) - 1] if turn == LAST else [int(turn) - 1]
        if chosen[-1] >= len(ends):
            without += 1
            continue
        for number in chosen:
            found = _beginning(whole, ends[number], number + 1)
            prompts.setdefault(found.id, found)
    if not prompts:
        most = max((len(_ends(each.messages)) for each in conversations), default=0)
        raise InputError(
            f"from_turn {turn}: none of {len(conversations)} conversations has so many turns of the assistant; the "
            f"longest has {most}"
        )
    return Branched(list(prompts.values()), without)


def _ends(messages: Sequence[Message]) -> list[int]:
    """How many turns stand before each turn of the assistant's, the one to come included."""
    before = [place for place, each in enumerate(messages) if each.role == "assistant"]
    # an assistant's turn that nobody asked for, or that goes on from another one, is no answer to a prompt
    answers = [place for place in before if place and messages[place - 1].role in ("user", "tool")]
    return [*answers, len(messages)]


def _beginning(whole: Prompt, end: int, number: int) -> Prompt:
    if end == len(whole.messages):
        return whole
    if BRANCH in whole.meta:
        raise InputError(
            f"from_turn: the prompts have a column `{BRANCH}` of their own, where it is to be said of which "
            "conversation a prompt is the beginning; rename it"
        )
    said = {BRANCH: {"conversation": whole.id, "turn": number}}
    return replace(whole, messages=whole.messages[:end], meta={**whole.meta, **said})
