"""What learning from single answers with a thumb can be told: strength, and how much each thumb counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rlaif.training.configs.loop import LoopConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ThumbsConfig(LoopConfig):
    """KTO of answers without partners (2402.01306)."""

    method: ClassVar[str] = "thumbs"

    beta: float = 0.1
    """How dear it is to move away from the reference."""
    desirable_weight: float | None = None
    """How much liked answers count; None: as the weights of all liked and of all disliked ones come to the same."""
    undesirable_weight: float = 1.0
    """How much disliked answers count."""

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        LoopConfig.__post_init__(self)
        self._positive("beta", "undesirable_weight")
        if self.desirable_weight is not None:
            self._positive("desirable_weight")
        if self.batch_size < 2:
            self._refuse("batch_size", "must be 2 or more: prompts are set against others' answers")
