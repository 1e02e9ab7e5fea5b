"""A model in one of its roles: whatever it is asked is asked as the role has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from rlaif.engines.base import BaseEngine
from rlaif.engines.recorded import RecordedEngine
from rlaif.records import GenerateRequest, Generation, Score, ScoreRequest
from rlaif.store import Store
from rlaif.store.wire import Reply
from rlaif.workflows.models.role_requests import RoleRequests

Request = TypeVar("Request", GenerateRequest, ScoreRequest)


class RoleEngine(BaseEngine):
    """Puts a role's options into each request before it is looked for in the store: keys and replies are of all of it.

    What a request says itself goes before the role.
    """

    def __init__(self, engine: RecordedEngine, role: RoleRequests) -> None:
        self.recorded = engine
        self.role = role
        self.guides_decoding = engine.guides_decoding

    @property
    def name(self) -> str:
        """Of the model."""
        return self.recorded.name

    def marks_thoughts(self) -> bool:
        """As the model."""
        return self.recorded.marks_thoughts()

    @property
    def fingerprint(self) -> str:
        """Of the model: what it is told is no part of what it is."""
        return self.recorded.fingerprint

    @property
    def store(self) -> Store:
        """Where its calls are kept."""
        return self.recorded.store

    def key(self, request: GenerateRequest | ScoreRequest) -> str:
        """The store's key of a request as the role asks it."""
        asked = self._drawn(request) if isinstance(request, GenerateRequest) else self._said(request)
        return self.recorded.key(asked)

    def reads(self, text: str) -> bool:
        """As the model."""
        return self.recorded.reads(text)

    def spell(self, token_ids: Sequence[int]) -> str | None:
        """As the model."""
        return self.recorded.spell(token_ids)

    def alike(self, continuations: Sequence[str]) -> tuple[int, ...] | None:
        """As the model."""
        return self.recorded.alike(continuations)

    def reach(self) -> None:
        """As the model."""
        self.recorded.reach()

    def recall(self, reply: Reply) -> None:
        """The model hears of a recorded reply."""
        self.recorded.recall(reply)

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """Draw one text a request."""
        return self.recorded.generate(map(self._drawn, requests))

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """Score given continuations."""
        return self.recorded.score(map(self._said, requests))

    def _drawn(self, request: GenerateRequest) -> GenerateRequest:
        return replace(self._said(request), sampling=self.role.sampling(request.sampling))

    def _said(self, request: Request) -> Request:
        return replace(
            request,
            chat_template_kwargs={**self.role.chat_template_kwargs, **request.chat_template_kwargs},
            body={**self.role.body, **request.body},
        )
