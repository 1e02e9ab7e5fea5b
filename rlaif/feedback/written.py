"""Texts that a model is asked for, each with what came of it: a failure has a name and is never an empty text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from rlaif.judging.parse import own_text
from rlaif.records import Engine, GenerateRequest, Generation, Message, Sampling


class UnusableReply(StrEnum):
    """Why there is no text."""

    FAILED = "failed"
    """The call failed, or no answer came back."""
    BROKE_OFF = "broke off"
    """It ran into its length limit, or its thought never ended."""
    EMPTY = "empty"
    REFUSED = "refused"
    """It says that it will not write what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, and with which chance."""

    messages: tuple[Message, ...]
    seed: int = 0
    draw: int = 0


class WrittenText(NamedTuple):
    """A text without its thought, or why there is none."""

    text: str
    problem: UnusableReply | None = None


def write_texts(engine: Engine, questions: Sequence[Question], sampling: Sampling) -> list[WrittenText]:
    """One text a question, in their order. Replies are joined by id; one that never came has failed."""

    def requests() -> Iterator[GenerateRequest]:
        for number, each in enumerate(questions):
            yield GenerateRequest(
                id=str(number), messages=each.messages, sampling=sampling, seed=each.seed, draw=each.draw
            )

    found = {reply.request_id: _read(reply) for reply in engine.generate(requests())}
    lost = WrittenText("", UnusableReply.FAILED)
    return [found.get(str(number), lost) for number in range(len(questions))]


def _read(reply: Generation) -> WrittenText:
    if reply.error is not None:
        return WrittenText("", UnusableReply.FAILED)
    if reply.finish == "length" or reply.open_thought:
        return WrittenText("", UnusableReply.BROKE_OFF)
    text = own_text(reply)
    return WrittenText(text) if text else WrittenText("", UnusableReply.EMPTY)
