"""What an engine may say of itself beside the two verbs. An engine that derives from neither class says nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rlaif.records import ScoreRequest
from rlaif.store.wire import Reply, Request

if TYPE_CHECKING:
    from rlaif.engines.openai.event_loop import Flow

Job = tuple[Request, ...]
"""Requests that are one call to a server."""


class BaseEngine:
    """Capabilities with their defaults; an engine overrides what is otherwise with it."""

    guides_decoding: bool = True
    """Whether a text is held to the JSON schema of its request; the schema is then part of the call's key."""
    restarts: bool = False
    """Whether a closed engine starts again by itself at its next request."""

    gives_gradients: bool = False
    """Whether `swaps` follows the gradient of a score."""

    def marks_thoughts(self) -> bool:
        """Whether the model marks a thought before its answer: one that does not reasons only where it is asked to."""
        return False

    def reads(self, text: str) -> bool:
        """Whether the model knows every word of a text; of one that cannot tell, it is taken for granted."""
        return True

    def spell(self, token_ids: Sequence[int]) -> str | None:
        """The text of what the model sampled, marks of a thought included; None: its tokenizer is elsewhere."""
        return None

    def alike(self, continuations: Sequence[str]) -> tuple[int, ...] | None:
        """For each continuation the place of the first that is the same tokens; empty: all differ; None: unknown."""
        return None

    def swaps(self, asked: ScoreRequest, *, count: int, top: int, seed: int) -> list[str] | None:
        """Answers with one token swapped that the gradient of the score prefers; None: there is no gradient here.

        Args:
            asked: a request with one continuation, the answer as it stands.
            count: how many texts at most.
            top: among how many tokens of each place is drawn.
            seed: of the draw.
        """
        return None

    def reach(self) -> None:
        """Find out that calls can be answered, before long work that needs them: a model that is here always can.

        Raises EngineError for a server that is not reached, ModelError for one that refuses the key.
        """

    def recall(self, reply: Reply) -> None:
        """Hear of a reply that was recorded under this engine's fingerprint before."""

    def close(self) -> None:
        """Free the memory that the model takes. `name`, `fingerprint`, `reads`, `spell` and `alike` still answer."""


class SubmittingEngine(BaseEngine, ABC):
    """An engine whose calls are submitted one by one and come back when they are done, as those to a server do."""

    @abstractmethod
    def flow(self, received: Callable[[Reply], None] | None = None) -> Flow[Job, Reply]:
        """The calls under way; `received` hears of each reply the moment it arrives, on another thread."""

    @abstractmethod
    def groups(self, requests: Iterable[Request]) -> Iterator[Job]:
        """Requests as jobs, in their order."""


def capabilities_of(engine: object) -> BaseEngine:
    """What an engine says of itself; the defaults where it says nothing."""
    return engine if isinstance(engine, BaseEngine) else BaseEngine()
