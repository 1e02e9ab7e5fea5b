"""What engines that hold a chat template and a tokenizer themselves have in common, whatever library runs the model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import ClassVar

from rlaif.engines.base import BaseEngine
from rlaif.engines.chat_template import Chat
from rlaif.engines.chat_turns import Turns
from rlaif.records import GenerateRequest, Generation, Score, ScoreRequest


class ChatEngine(BaseEngine, ABC):
    """One causal model behind the two verbs. A stream is worked off in windows, whose replies come in its order."""

    window: ClassVar[int]
    """Requests that are worked off together."""
    chat: Chat

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """Draw one text a request."""
        stream = iter(requests)
        while window := list(islice(stream, self.window)):
            yield from self._generate(window)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """Log-probabilities of the continuations; what several begin with is read once."""
        stream = iter(requests)
        while window := list(islice(stream, self.window)):
            yield from self._score(window)

    @abstractmethod
    def _generate(self, window: Sequence[GenerateRequest]) -> Iterable[Generation]:
        """The texts of these requests, in their order."""

    @abstractmethod
    def _score(self, window: Sequence[ScoreRequest]) -> Iterable[Score]:
        """The scores of these requests, in their order."""

    def alike(self, continuations: Sequence[str]) -> tuple[int, ...]:
        """For each continuation the place of the first that is the same tokens; empty where all differ."""
        return self.chat.alike(continuations)

    def marks_thoughts(self) -> bool:
        """Whether the template or the tokenizer tells of marks."""
        return self.chat.thought_marks is not None

    def reads(self, text: str) -> bool:
        """Whether the tokenizer knows every word of a text."""
        return self.chat.reads(text)

    def spell(self, token_ids: Sequence[int]) -> str:
        """The text of what was sampled, marks of a thought included."""
        return self.chat.decode(token_ids)

    def takes(self, messages: Turns) -> bool:
        """Whether the chat template takes a conversation."""
        return isinstance(self.chat.each_prompt([messages])[0], list)
