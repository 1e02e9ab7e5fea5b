"""What the training of a process reward model can be told: nothing that a loop is not told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rlaif.training.configs.loop import LoopConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRewardConfig(LoopConfig):
    """A classifier of beginnings of answers (2305.20050)."""

    method: ClassVar[str] = "process-reward"

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        LoopConfig.__post_init__(self)
        if self.train_on != "all":
            self._refuse("train_on", "must not be given: a reward model reads answers without their thoughts")
