"""Questions to requests, replies to judgments. Joins them by id, never by order; a lost reply is a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from rlaif.engines.base import capabilities_of
from rlaif.hashing import derived_seed
from rlaif.judging.cot import read_reply
from rlaif.judging.labels import CallReading
from rlaif.records import (
    Engine,
    GenerateRequest,
    Judgment,
    Message,
    Sampling,
    Score,
    ScoreRequest,
    State,
)
from rlaif.store import call_key

LOST = CallReading(State.TRANSPORT, detail="no answer came back")
REPEATED_STATES = frozenset({State.UNREADABLE, State.TRUNCATED})
"""Readings after which the same question is put once more."""
REPEAT_TEMPERATURE = 0.7


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

    def judgment(self, protocol: str, judge: str, calls: tuple[str, ...], reading: CallReading) -> Judgment:
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


def turn(text: str) -> tuple[Message, ...]:
    """A conversation of one user turn."""
    return (Message(role="user", content=text),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelling:
    """How labels are asked for."""

    thinking: Sampling | None = None
    """How the thought before the label is drawn; None: there is none."""
    prefix: str = ""
    """What stands between the thought and the label."""
    seed: int = 0
    """Of the thoughts."""
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)

    def request(self, each: Asked, protocol: str, continuations: tuple[str, ...]) -> ScoreRequest:
        """What is asked of the engine, the thought's seed made of ids."""
        return ScoreRequest(
            id=each.id,
            messages=turn(each.text),
            continuations=continuations,
            assistant_prefix=self.prefix,
            thinking=self.thinking,
            seed=0 if self.thinking is None else derived_seed(self.seed, protocol, each.id, "thought"),
            chat_template_kwargs=self.chat_template_kwargs,
            body=self.body,
        )


AT_ONCE = Labelling()
"""The label is the first that the judge says."""


def ask_labels(
    engine: Engine,
    protocol: str,
    questions: Iterable[Asked],
    continuations: tuple[str, ...],
    read: Callable[[Score], CallReading],
    how: Labelling = AT_ONCE,
) -> list[Judgment]:
    """One judgment a question, in their order, read from log-probabilities of labels.

    Where the judge thinks first, one thought is written for all labels of a question.
    """
    asked: list[Asked] = []
    keys: dict[str, str] = {}

    def requests() -> Iterator[ScoreRequest]:
        for each in questions:
            request = how.request(each, protocol, continuations)
            asked.append(each._replace(text=""))
            keys[each.id] = call_key(engine.fingerprint, request)
            yield request

    found = {score.request_id: read(score) for score in engine.score(requests())}
    return [
        each.judgment(protocol, engine.fingerprint, (keys[each.id],), found.get(each.id, LOST))
        for each in asked
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How written answers are asked for."""

    sampling: Sampling
    seed: int = 0
    samples: int = 1
    """Texts a question."""
    again: int = 0
    """How often at most an unreadable text is asked for once more."""
    schema: Mapping[str, Any] | None = None
    """Of the reply, for engines that guide decoding."""
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


class Replies(NamedTuple):
    """What one question was answered with: the keys of all its calls, and a reading a sample."""

    asked: Asked
    calls: tuple[str, ...]
    readings: list[CallReading]


def ask_texts(
    engine: Engine,
    protocol: str,
    questions: Iterable[Asked],
    read: Callable[[str], CallReading],
    how: Writing,
) -> list[Replies]:
    """Each question with its written answers. What is still unreadable after `how.again` more tries stays so.

    A refusal and a failed call are not asked again: the first is an answer, the second is the engine's to mend.
    """
    guided = capabilities_of(engine).guides_decoding
    asked = list(questions)
    calls: list[list[str]] = [[] for _ in asked]
    readings = [[CallReading(State.UNREADABLE)] * how.samples for _ in asked]
    wanted = [(place, sample) for place in range(len(asked)) for sample in range(how.samples)]
    for turn_number in range(how.again + 1):
        requests: dict[str, GenerateRequest] = {}
        names = []
        for place, sample in wanted:
            draw = sample + turn_number * how.samples
            request = _request(asked[place], protocol, how, draw, repeated=turn_number > 0)
            calls[place].append(call_key(engine.fingerprint, request, guides_decoding=guided))
            requests[request.id] = request
            names.append(request.id)
        found = {each.request_id: each for each in engine.generate(requests.values())}
        for (place, sample), name in zip(wanted, names, strict=True):
            readings[place][sample] = read_reply(found.get(name), read)
        wanted = [
            (place, sample) for place, sample in wanted if readings[place][sample].state in REPEATED_STATES
        ]
        if not wanted:
            break
    return [Replies(*each) for each in zip(asked, map(tuple, calls), readings, strict=True)]


def _request(each: Asked, protocol: str, how: Writing, draw: int, repeated: bool) -> GenerateRequest:
    sampling = how.sampling
    if repeated:
        # the likeliest text would be the same text again
        sampling = replace(sampling, temperature=max(sampling.temperature, REPEAT_TEMPERATURE))
    return GenerateRequest(
        id=f"{each.id}|{draw}",
        messages=turn(each.text),
        sampling=sampling,
        seed=derived_seed(how.seed, protocol, each.id, draw),
        draw=draw,
        schema=how.schema,
        protocol=protocol,
        chat_template_kwargs=how.chat_template_kwargs,
        body=how.body,
    )
