"""What the training of a reward model can be told: its loss, margins, centering, a head for each principle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rlaif.training.configs.pairs import PairConfig

REWARD_LOSSES = ("soft", "sigmoid")


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardConfig(PairConfig):
    """A Bradley-Terry reward model."""

    method: ClassVar[str] = "reward"

    loss: str = "soft"
    """soft: the target is the pair's `label_prob`; sigmoid: the label is taken as certain."""
    margin: float = 0.0
    """Times a pair's `score_gap` is what the rewards must differ by beyond the label; 0 reads no gap."""
    centering: float = 0.0
    """Weight of the squared sum of a pair's two rewards, which keeps rewards near zero; 0.01 is usual."""
    heads: tuple[str, ...] = ()
    """Ids of principles, each with a reward of its own, learned from the pairs' `principles`; beside the whole one."""

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        PairConfig.__post_init__(self)
        self._at_least_zero("centering", "margin")
        self._one_of("loss", REWARD_LOSSES)
        if self.train_on != "all":
            self._refuse("train_on", "must not be given: a reward model reads answers without their thoughts")
        if len(set(self.heads)) < len(self.heads):
            self._refuse("heads", "must name each principle once")
        if unread := [name for name in self.stop if name in ("chosen_drop", "kl")]:
            self._refuse("stop", f"must not name {unread[0]}: a reward model has no reference")
