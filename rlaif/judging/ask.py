"""Questions to requests, replies to judgments. Joins them by id, never by order; a lost reply is a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from rlaif.judging.labels import Reading
from rlaif.records import (
    Engine,
    GenerateRequest,
    Generation,
    Judgment,
    Message,
    Prompt,
    Sampling,
    Score,
    ScoreRequest,
    State,
)
from rlaif.store import call_key

LOST = Reading(State.TRANSPORT, detail="no answer came back")


class Asked(NamedTuple):
    """One question: its text, and what it is about."""

    text: str
    prompt_id: str
    completion_ids: tuple[str, ...]
    principle_id: str | None

    @property
    def id(self) -> str:
        """Names the question within one batch of a protocol."""
        return "|".join([*self.completion_ids, self.principle_id or ""])

    def judgment(self, protocol: str, judge: str, calls: tuple[str, ...], reading: Reading) -> Judgment:
        """What the question was answered with."""
        return Judgment(
            protocol=protocol,
            judge=judge,
            prompt_id=self.prompt_id,
            completion_ids=self.completion_ids,
            principle_id=self.principle_id,
            state=reading.state,
            value=reading.value,
            label_mass=reading.label_mass,
            calls=calls,
            detail=reading.detail,
        )


def prompt_slot(prompt: Prompt) -> str:
    """How a prompt is shown to a judge: its text, or its turns as `role: content` lines if there are several."""
    if len(prompt.messages) == 1:
        return prompt.text
    return "\n".join(f"{each.role}: {each.content}" for each in prompt.messages)


def turn(text: str) -> tuple[Message, ...]:
    """A conversation of one user turn."""
    return (Message(role="user", content=text),)


def ask_labels(
    engine: Engine,
    protocol: str,
    questions: Iterable[Asked],
    continuations: tuple[str, ...],
    read: Callable[[Score], Reading],
) -> list[Judgment]:
    """One judgment a question, in their order, read from log-probabilities of labels."""
    asked: dict[str, Asked] = {}
    keys: dict[str, str] = {}

    def requests() -> Iterator[ScoreRequest]:
        for each in questions:
            request = ScoreRequest(id=each.id, messages=turn(each.text), continuations=continuations)
            asked[each.id] = each._replace(text="")
            keys[each.id] = call_key(engine.fingerprint, request)
            yield request

    found = {score.request_id: read(score) for score in engine.score(requests())}
    return [
        each.judgment(protocol, engine.fingerprint, (keys[name],), found.get(name, LOST))
        for name, each in asked.items()
    ]


def ask_texts(
    engine: Engine,
    questions: Iterable[Asked],
    sampling: Sampling,
    seeds: Callable[[Asked], list[int]],
) -> list[tuple[Asked, tuple[str, ...], list[Generation | None]]]:
    """Each question with the keys of its calls and its written answers, one a seed; None for a lost one."""
    asked: list[tuple[Asked, list[str], list[str]]] = []

    def requests() -> Iterator[GenerateRequest]:
        for each in questions:
            names, keys = [], []
            for draw, seed in enumerate(seeds(each)):
                request = GenerateRequest(
                    id=f"{each.id}|{draw}", messages=turn(each.text), sampling=sampling, seed=seed, draw=draw
                )
                names.append(request.id)
                keys.append(call_key(engine.fingerprint, request))
                yield request
            asked.append((each, names, keys))

    found = {reply.request_id: reply for reply in engine.generate(requests())}
    return [(each, tuple(keys), [found.get(name) for name in names]) for each, names, keys in asked]
