"""Prompts, completions, constitutions and engines that answer by a rule, for tests of judging."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from rlaif.feedback import Funnel, make_pairs
from rlaif.records import (
    Completion,
    Constitution,
    Decide,
    GenerateRequest,
    Generation,
    Judgment,
    Message,
    Pair,
    Principle,
    Prompt,
    Score,
    ScoreRequest,
    State,
)


def prompt(text: str = "how do I bake bread", **fields: Any) -> Prompt:
    return Prompt(messages=(Message(role="user", content=text),), **fields)


def completion(text: str, to: Prompt | None = None, **fields: Any) -> Completion:
    return Completion(prompt_id=(to or prompt()).id, text=text, **{"policy": "b2:policy", **fields})


def principle(name: str, text: str = "", **fields: Any) -> Principle:
    return Principle(id=name, text=text or f"follow {name}", **fields)


def constitution(*principles: Principle, rule: str = "log-odds", temperature: float = 1.0) -> Constitution:
    decide = Decide(rule=rule, temperature=temperature)  # type: ignore[arg-type]
    return Constitution(name="house", version="1.0.0", title="", principles=principles, decide=decide)


def judged(
    seen: tuple[str, ...],
    name: str | None,
    value: float | None,
    *,
    state: State | None = None,
    to: Prompt | None = None,
    protocol: str | None = None,
) -> Judgment:
    usual = State.SCORE if len(seen) == 1 else State.PREFERENCE
    return Judgment(
        protocol=protocol or ("checklist" if len(seen) == 1 else "compare"),
        judge="b2:judge",
        prompt_id=(to or prompt()).id,
        completion_ids=seen,
        principle_id=name,
        state=state or usual,
        value=value,
        calls=(f"call {'|'.join(seen)} {name}",),
    )


def both(a: str, b: str, name: str, forward: float, backward: float | None = None) -> list[Judgment]:
    """P(first listed) for (a, b) and (b, a)."""
    backward = 1 - forward if backward is None else backward
    return [judged((a, b), name, forward), judged((b, a), name, backward)]


Answer = Callable[[str, tuple[str, ...]], Mapping[str, float]]
"""From a judge prompt and the continuations to probabilities."""


class RuleEngine:
    """Answers by a function of the text it is asked with, in an order of its own."""

    name = "rule"
    fingerprint = "b2:rule"

    def __init__(
        self, answer: Answer, write: Callable[[GenerateRequest], str] | None = None, seed: int = 0
    ) -> None:
        self.answer, self.write = answer, write
        self.random = random.Random(seed)
        self.asked: list[str] = []

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        replies = []
        for each in requests:
            self.asked.append(each.messages[-1].content)
            assert self.write is not None
            replies.append(Generation(request_id=each.id, text=self.write(each), finish="stop"))
        self.random.shuffle(replies)
        yield from replies

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        replies = []
        for each in requests:
            self.asked.append(each.messages[-1].content)
            found = self.answer(each.messages[-1].content, each.continuations)
            logprobs = tuple(math.log(found.get(text, 0.0) or 1e-30) for text in each.continuations)
            replies.append(Score(request_id=each.id, logprobs=logprobs))
        self.random.shuffle(replies)
        yield from replies


def pairs_and_funnel(*args: Any, **options: Any) -> tuple[list[Pair], Funnel]:
    """What `make_pairs` made, and where everything else went."""
    made = make_pairs(*args, **options)
    return made.pairs, made.funnel
