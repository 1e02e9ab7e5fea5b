"""What draws for a policy that is trained elsewhere: another copy of it, which is handed new weights between steps.

A sampler knows token ids only. What is asked of it, and whether it draws from the right weights, is the training's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

Ids = tuple[int, ...]
Handed = Literal["weights", "adapter"]
"""What a sampler takes: a whole model directory, or a LoRA adapter's."""


class TokenDraw(NamedTuple):
    """One text to draw."""

    prompt: Ids
    seed: int
    room: int
    """Tokens that it may have."""


class TokenText(NamedTuple):
    """What was drawn."""

    ids: Ids
    """All that was sampled, the end token included."""
    logprobs: tuple[float, ...]
    """Of each of `ids` where it was drawn, at the temperature of the draw."""


class ReadText(NamedTuple):
    """Tokens whose log-probabilities are wanted, and what stands before them."""

    prompt: Ids
    ids: Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerPlan:
    """What will be asked of a sampler."""

    base: Path
    """The model directory that the training began with."""
    rank: int
    """Of the LoRA adapter that is trained; 0: all weights are."""
    dtype: str
    """In which the trainer computes: float32 | bfloat16."""
    temperature: float
    ends: frozenset[int]
    """Tokens of which each ends a text."""
    context: int
    """Tokens of the longest prompt with its answer."""
    trust_remote_code: bool


class Sampler(Protocol):
    """Draws from the weights that it was handed last."""

    name: str
    """For messages."""

    def prepare(self, plan: SamplerPlan) -> Handed:
        """Say what it takes. Raises ModelError, EngineError where it cannot do what is planned, with the remedy."""

    def load(self, directory: Path, version: str) -> None:
        """Draw from these weights from now on. `version` tells them from all others. Raises EngineError."""

    def draw(self, draws: Sequence[TokenDraw]) -> list[TokenText]:
        """One text a draw, from the model's own distribution at the planned temperature. Raises EngineError."""

    def read(self, texts: Sequence[ReadText]) -> list[tuple[float, ...]] | None:
        """Log-probabilities of given tokens at temperature 1; None where it cannot read. Raises EngineError."""

    def close(self) -> None:
        """Let go of what it holds; its owner's own server goes on."""
