"""A stand-in that counts what a model would be asked, for `--dry-run`. What the store holds is answered from there.

What it makes up leads the plan on to the questions that would come next; whoever uses it keeps it out of every store.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rlaif.hashing import derived_seed
from rlaif.records import GenerateRequest, Generation, Message, Score, ScoreRequest
from rlaif.store import Store, call_key

TURN_TOKENS = 32
"""Tokens that a template puts around a turn, or in front of all, at most."""
LETTERS_A_TOKEN = 8
"""A token is rarely longer: the lower bound of a text's tokens."""
TO_COME = "\ue0f0"
"""Stands in a prompt for a text that nobody has written yet."""
Request = GenerateRequest | ScoreRequest
TokenCount = Callable[[Sequence[Sequence[Message]]], list[int]]


@dataclass(slots=True)
class Planned:
    """What one model would be asked."""

    stored: int = 0
    """Calls that are in the store, and cost nothing."""
    stored_tokens: int = 0
    calls: int = 0
    prompt_least: int = 0
    prompt_most: int = 0
    completion_most: int = 0


@dataclass(slots=True)
class ToCome:
    """What is not known of texts that are yet to be written; one for all engines of a plan."""

    longest: int = 0
    """Tokens that such a text may have."""
    texts: int = 0


@dataclass(slots=True)
class PlannedEngine:
    """The model `name`, of which nothing is asked."""

    name: str
    fingerprint: str
    store: Store | None
    """The project's, of which it only reads; None while there is none."""
    to_come: ToCome
    count: TokenCount | None = None
    """Exact tokens of prompts, where the model's tokenizer is here."""
    planned: Planned = field(default_factory=Planned)

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """Recorded texts, or unlike ones that stand for those to come."""
        return self._each(list(requests), self._text)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """Recorded scores, or readable ones."""
        return self._each(list(requests), _readable)

    def _each(self, requests: Sequence[Any], make: Callable[[Any], Any]) -> Iterator[Any]:
        keys = [call_key(self.fingerprint, each) for each in requests]
        held = {} if self.store is None else self.store.get_many(keys, [each.id for each in requests])
        self._bound([each for key, each in zip(keys, requests, strict=True) if key not in held])
        for key, request in zip(keys, requests, strict=True):
            if key in held:
                used = held[key].usage
                self.planned.stored += 1
                self.planned.stored_tokens += used.prompt_tokens + used.completion_tokens
                yield replace(held[key], request_id=request.id)
            else:
                yield make(request)

    def _bound(self, requests: Sequence[Request]) -> None:
        self.planned.calls += len(requests)
        self.planned.completion_most += sum(map(_most_written, requests))
        known = [each for each in requests if self.count is not None and not _unwritten(each)]
        if self.count is not None and known:
            exact = sum(self.count([each.messages for each in known]))
            self.planned.prompt_least += exact
            self.planned.prompt_most += exact
        for each in requests:
            if self.count is None or _unwritten(each):
                texts = [turn.content for turn in each.messages]
                size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
                self.planned.prompt_least += sum(map(len, texts)) // LETTERS_A_TOKEN
                self.planned.prompt_most += size + TURN_TOKENS * (len(texts) + 1)
                self.planned.prompt_most += _unwritten(each) * self.to_come.longest

    def _text(self, request: GenerateRequest) -> Generation:
        self.to_come.longest = max(self.to_come.longest, request.sampling.max_tokens)
        self.to_come.texts += 1
        return Generation(request_id=request.id, text=f"{TO_COME}{self.to_come.texts}", finish="stop")


def _most_written(request: Request) -> int:
    return request.sampling.max_tokens if isinstance(request, GenerateRequest) else 1


def _unwritten(request: Request) -> int:
    """How many texts in a prompt are still to be written."""
    return sum(turn.content.count(TO_COME) for turn in request.messages)


def _readable(request: ScoreRequest) -> Score:
    """All mass on the labels, more of it on the first half of them, and to each question a little otherwise.

    So every completion meets what is hard, two of them differ, and no comparison is a tie: the most questions follow.
    """
    turns = [each.content for each in request.messages]
    share = 0.6 + 0.35 * derived_seed("plan", turns) / 2**63
    half = max(1, len(request.continuations) // 2)
    rest = max(1, len(request.continuations) - half)
    return Score(
        request_id=request.id,
        logprobs=tuple(
            math.log(share / half if place < half else (1 - share) / rest)
            for place in range(len(request.continuations))
        ),
    )
