"""The exact texts that a judge gets, for a person to read. A listener stands in for the model: no call is made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from rlaif.constitution import applies
from rlaif.engines.base import BaseEngine, capabilities_of
from rlaif.errors import InputError
from rlaif.judging import Judge, ModelJudge, PanelJudge
from rlaif.judging.ask_protocol import ask_pairwise, ask_pointwise
from rlaif.judging.dealt_judge import DealtJudge
from rlaif.judging.protocols import Asking, Pointwise, Protocol, protocol
from rlaif.records import (
    Completion,
    Constitution,
    Engine,
    GenerateRequest,
    Generation,
    Principle,
    Prompt,
    Score,
    ScoreRequest,
)

Request = TypeVar("Request", GenerateRequest, ScoreRequest)
WRITTEN = "(what the judge wrote in the turn before stands here)"
THOUGHT = "(what the judge thinks first stands here)"
BOTH = ("checklist", "compare")


class Listener(BaseEngine):
    """Hears what an engine is asked, and keeps the first text of each turn."""

    def __init__(self, engine: Engine) -> None:
        self.name = engine.name
        self.fingerprint = engine.fingerprint
        self.turns: list[str] = []
        self._capable = capabilities_of(engine)
        self.guides_decoding = self._capable.guides_decoding

    def marks_thoughts(self) -> bool:
        """As the engine that it stands in for, which is asked when somebody asks."""
        return self._capable.marks_thoughts()

    def reads(self, text: str) -> bool:
        """As the engine that it stands in for."""
        return self._capable.reads(text)

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """A text that says that it is none."""
        for each in self._heard(requests):
            yield Generation(request_id=each.id, text=WRITTEN, finish="stop")

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """All continuations are as likely."""
        for each in self._heard(requests):
            alike = -math.log(len(each.continuations))
            yield Score(request_id=each.id, logprobs=(alike,) * len(each.continuations))

    def _heard(self, requests: Iterable[Request]) -> Iterator[Request]:
        for number, each in enumerate(requests):
            if number == 0:
                self.turns.append(each.messages[-1].content + _before_label(each))
            yield each


def _before_label(request: GenerateRequest | ScoreRequest) -> str:
    """What a judge that thinks before its label has written when the label is read."""
    if isinstance(request, GenerateRequest) or request.thinking is None:
        return ""
    return f"\n\n{THOUGHT}{request.assistant_prefix}"


def questions(
    judge: Judge,
    constitution: Constitution,
    prompt: Prompt,
    texts: Sequence[Completion],
    names: Sequence[str] = BOTH,
) -> str:
    """The first question of each turn of the protocols `names`, about the first principle that applies.

    Of a single text only pointwise protocols are shown. Raises InputError where there is nothing to show.
    """
    principle = next((each for each in constitution.principles if applies(each, prompt)), None)
    if principle is None:
        raise InputError(
            f"{constitution.name}: no principle applies to the first prompt (its tags: {prompt.tags})"
        )
    chosen = [protocol(name) for name in dict.fromkeys(names)]
    fit = [each for each in chosen if isinstance(each, Pointwise) or len(texts) > 1]
    parts = [part for each in fit for part in _shown(judge, each, prompt, texts, principle)]
    if not parts:
        raise InputError(f"{', '.join(names)}: asks nothing about {len(texts)} answers to one prompt")
    return "\n\n".join(parts)


def _shown(
    judge: Judge, chosen: Protocol, prompt: Prompt, texts: Sequence[Completion], principle: Principle
) -> list[str]:
    if isinstance(judge, DealtJudge):
        return _shown(judge.inner, chosen, prompt, texts, principle)
    if isinstance(judge, PanelJudge):
        return [
            f"--- {member.seat.judge} ---\n{part}"
            for member in judge.members
            for part in _shown(
                member.judge,
                chosen if isinstance(chosen, Pointwise) else protocol(member.seat.protocol),
                prompt,
                texts,
                principle,
            )
        ]
    if not isinstance(judge, ModelJudge):
        raise InputError(f"{judge.name}: reads no question; there is no text to show")
    listener = Listener(judge.engine)
    asked = judge.with_engine(listener)
    if isinstance(chosen, Pointwise):
        ask_pointwise(chosen, asked, [(prompt, each) for each in texts], [principle], Asking(again=0))
    else:
        ask_pairwise(chosen, asked, [(prompt, texts[0], texts[1])], [principle], Asking(again=0))
    turns = listener.turns
    return [
        f"--- {chosen.name}{f', turn {number} of {len(turns)}' if len(turns) > 1 else ''} ---\n{text}"
        for number, text in enumerate(turns, 1)
    ]
