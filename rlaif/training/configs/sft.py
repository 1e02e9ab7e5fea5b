"""What imitation can be told: nothing beside what every training can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rlaif.training.configs.loop import LoopConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class SFTConfig(LoopConfig):
    """Imitation of each example's last turn."""

    method: ClassVar[str] = "sft"
