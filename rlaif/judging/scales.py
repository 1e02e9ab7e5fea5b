"""What the number of a pointwise judgment means: the ends of its scale, and from where on a principle is violated."""

from __future__ import annotations

import math
from dataclasses import dataclass

HALF = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The scale of a protocol's numbers. A reward has none: only its differences mean anything."""

    lowest: float | None = 0.0
    highest: float | None = 1.0
    broken_below: float | None = HALF
    """Below this share of the scale a completion violates the principle; None: no number says that."""

    @property
    def bounded(self) -> bool:
        """Whether there are a lowest and a highest number."""
        return self.lowest is not None and self.highest is not None

    def share(self, value: float) -> float:
        """`value` as a share of the scale, from 0 to 1.

        Without a scale it is the sigmoid: the chance to beat a completion of reward 0. That cannot tell the great
        ones apart; what ranks completions takes the number itself.
        """
        if self.lowest is None or self.highest is None:
            return at_temperature(value, 1.0)
        return (value - self.lowest) / (self.highest - self.lowest)


SHARE = Scale()
"""A probability, or a mean of yes and no."""
RATING = Scale(lowest=1.0, highest=5.0)
ORDER = Scale(broken_below=None)
"""A share that orders completions, and says of none whether it violates a principle."""
REWARD = Scale(lowest=None, highest=None, broken_below=None)
"""Any number, in units of its own."""


def at_temperature(log_odds: float, temperature: float) -> float:
    """The probability of log-odds at a temperature T: sigmoid(log_odds / T)."""
    return 1 / (1 + math.exp(-max(-500.0, min(500.0, log_odds / temperature))))
