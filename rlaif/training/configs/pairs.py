"""What a training on preference pairs can be told beside: labels, held-out pairs, limits at which it stops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rlaif.training.configs.loop import LoopConfig

LIMITS = ("chosen_drop", "length_drift", "margin", "kl", "held_out_accuracy", "calibration")
"""What training can be told to stop at; `health.py` says what each is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairConfig(LoopConfig):
    """What methods that learn from pairs have in common."""

    loss: str = "soft"
    label_clip: float = 0.02
    """`label_prob` is kept this far from 0 and 1."""
    held_out: float = 0.0
    """Share of the prompts whose pairs are not trained on: their accuracy and calibration are figures."""
    held_out_every: int | None = None
    """Steps between looks at them; None: a tenth of all."""
    stop: Mapping[str, float] = field(default_factory=dict)
    """Figure -> limit at which training stops (exit 3), e.g. {"kl": 50}; a higher one lets the same run go on."""

    def __post_init__(self) -> None:
        """Raise RecipeError naming the field."""
        LoopConfig.__post_init__(self)
        self._share("held_out")
        if self.held_out_every is not None:
            self._positive("held_out_every")
        if not 0 <= self.label_clip < 0.5:
            self._refuse("label_clip", "must be at least 0 and below 0.5")
        for name, limit in self.stop.items():
            if name not in LIMITS:
                self._refuse("stop", f"must name figures among {', '.join(LIMITS)}")
            if not limit > 0:
                self._refuse("stop", f"must give {name} a limit above 0")
        needing = [name for name in ("held_out_accuracy", "calibration") if name in self.stop]
        if needing and not self.held_out:
            self._refuse("stop", f"must not name {needing[0]} while held_out is 0: nothing would be measured")
