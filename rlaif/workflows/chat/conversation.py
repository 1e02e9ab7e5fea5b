"""A talk with one or two models: each has a conversation of its own, with the same turns of the user.

An answer is a draw like any other: keyed by what was said, the seed and the number of the draw, and kept in the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rlaif.errors import InputError
from rlaif.feedback.sample import LOST, drawing
from rlaif.feedback.system_turn import SystemTurn, refuse_half_characters
from rlaif.records import Completion, Engine, Message, Origin, Prompt, Sampling

SILENT = "the model wrote no answer; the turn is left out of its conversation"


@dataclass(slots=True)
class Speaker:
    """A model, its rules, and what it has heard and said."""

    side: str
    """`policy` or `against`."""
    model: str
    engine: Engine
    rules: SystemTurn | None = None
    rules_named: str = ""
    """Name and version of the constitution, where it has one."""
    turns: list[Message] = field(default_factory=list)
    """Its conversation, without the system turn: every turn of the user that it answered, and the answer."""
    heard: int = 0
    """How many of these turns stand before what was said last."""
    last: tuple[Prompt, Completion] | None = None
    """The last turn that was answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAnswer:
    """What a model said to a turn."""

    side: str
    model: str
    completion: Completion | None
    error: str | None = None
    """Why there is none; or what is to be known of it."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON; what is empty is left out."""
        told: dict[str, Any] = {"side": self.side, "model": self.model}
        if (said := self.completion) is not None:
            told |= {"text": said.text, "finish": said.finish}
            told |= {"thought": said.thought} if said.thought else {}
            told |= {"open_thought": True} if said.open_thought else {}
        return told | ({"error": self.error} if self.error else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTurn:
    """A turn of the user, and the answers to it."""

    number: int
    text: str
    answers: tuple[ChatAnswer, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"turn": self.number, "user": self.text, "answers": [each.as_dict() for each in self.answers]}


class _Asked(NamedTuple):
    prompt: Prompt
    completion: Completion | None
    error: str | None


class Talk:
    """The conversations of one session. What is interrupted leaves no trace in them."""

    def __init__(
        self, speakers: Sequence[Speaker], *, sampling: Sampling, seed: int, system: str = ""
    ) -> None:
        """`system` is the text of the turn that every conversation begins with; empty: none."""
        self.speakers = tuple(speakers)
        self.sampling = sampling
        self.seed = seed
        self.system = system
        self._number = 0
        self._draw = 0
        self._said = ""

    def say(self, text: str) -> ChatTurn:
        """The answers to a turn of the user. Raises InputError for a blank one."""
        if not text.strip():
            raise InputError("a turn is blank; write something")
        refuse_half_characters(text, "a turn")
        asked = [self._asked(each, each.turns, text, 0) for each in self.speakers]
        self._number, self._draw, self._said = self._number + 1, 0, text
        for each in self.speakers:
            each.heard = len(each.turns)
        return self._answered(asked)

    def again(self) -> ChatTurn:
        """Other answers to the last turn, in place of those that were given. Raises InputError where there is none."""
        if not self._said:
            raise InputError("/again: nothing was asked yet; say something first")
        draw = self._draw + 1
        asked = [self._asked(each, each.turns[: each.heard], self._said, draw) for each in self.speakers]
        self._draw = draw
        return self._answered(asked)

    def reset(self) -> None:
        """Forget all turns; the system turn and the rules stay."""
        for each in self.speakers:
            each.turns, each.heard, each.last = [], 0, None
        self._said = ""

    def begin_with(self, system: str) -> None:
        """Another system turn, with which the talk begins anew; empty: none."""
        self.system = system
        self.reset()

    def kept(self) -> list[tuple[Prompt, Completion]]:
        """Each conversation as a prompt and the last answer. Raises InputError where nothing was answered."""
        found = [each.last for each in self.speakers if each.last is not None]
        if not found:
            raise InputError("/save: nothing was answered yet")
        return found

    def _asked(self, speaker: Speaker, before: Sequence[Message], text: str, draw: int) -> _Asked:
        front = [Message(role="system", content=self.system)] if self.system else []
        prompt = Prompt(messages=(*front, *before, Message(role="user", content=text)))
        request = drawing(prompt, draw, self.sampling, self.seed, speaker.rules)
        reply = next(iter(list(speaker.engine.generate([request]))), None)
        if reply is None or reply.error is not None:
            return _Asked(prompt, None, LOST if reply is None else reply.error)
        rules = Origin(kind="system", note=speaker.rules_named) if speaker.rules is not None else None
        completion = Completion(
            prompt_id=prompt.id,
            text=reply.text,
            policy=speaker.engine.fingerprint,
            draw=draw,
            finish=reply.finish,
            token_ids=reply.token_ids,
            thought=reply.thought,
            open_thought=reply.open_thought,
            tool_calls=reply.tool_calls,
            origin=rules,
        )
        blank = not reply.text.strip() and not reply.tool_calls
        return _Asked(prompt, completion, SILENT if blank else None)

    def _answered(self, asked: Sequence[_Asked]) -> ChatTurn:
        """Put what was said into the conversations: a turn without an answer is in none."""
        answers = []
        for speaker, (prompt, completion, error) in zip(self.speakers, asked, strict=True):
            answers.append(
                ChatAnswer(side=speaker.side, model=speaker.model, completion=completion, error=error)
            )
            if completion is not None and error is None:
                del speaker.turns[speaker.heard :]
                speaker.turns += [prompt.messages[-1], *completion.turns]
                speaker.last = (prompt, completion)
        return ChatTurn(number=self._number, text=self._said, answers=tuple(answers))
