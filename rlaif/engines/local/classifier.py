"""Models with a head of classes: what a reward model and a classifier of entailment have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar

from rlaif.engines.base import BaseEngine
from rlaif.engines.local.engine import WINDOW
from rlaif.engines.local.load import free_accelerator
from rlaif.errors import ModelError
from rlaif.records import GenerateRequest, Generation, Score, ScoreRequest, Usage


class ClassifierEngine(BaseEngine):
    """An engine that scores texts and never writes one."""

    noun: ClassVar[str]
    """What a message calls it: `a reward model`."""
    what_does: ClassVar[str]
    """What does not fit into its context, in words: `an answer does`."""
    name: str
    model: Any
    context: int
    """Tokens that it reads at most."""

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """Refused: raises ModelError."""
        raise ModelError(f"{self.name}: {self.noun} writes no text; name a language model")
        yield  # pragma: no cover

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """Yield a number for each continuation, read as the complete answer to its request."""
        stream = iter(requests)
        while window := list(islice(stream, WINDOW)):
            yield from self._score(window)

    def close(self) -> None:
        """Let go of the weights; a further request is an error."""
        del self.model
        free_accelerator()

    @abstractmethod
    def _score(self, window: Sequence[ScoreRequest]) -> list[Score]:
        """The scores of a window of requests, in their order."""

    def _reply(
        self,
        place: int,
        request: ScoreRequest,
        owners: Sequence[int],
        found: Mapping[int, float],
        refused: str | None,
    ) -> Score:
        """The score of the request at a place, of the numbers `found` for the continuations that it owns."""
        mine = [number for number, owner in enumerate(owners) if owner == place]
        fits = refused is None and all(number in found for number in mine)
        return Score(
            request_id=request.id,
            logprobs=tuple(found[number] for number in mine) if fits else (),
            usage=Usage(),
            error=None
            if fits
            else refused or f"{self.what_does} not fit into the model's context of {self.context}",
        )
