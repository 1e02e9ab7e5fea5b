"""The planted flaw: a share of the labels follow what is easy to fake, and not gold. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rlaif.hashing import derived_seed

Feature = Callable[[str, str], float]
FEATURES: Mapping[str, Feature] = {
    "length": lambda text, _: float(len(text)),
    "token": lambda text, wanted: float(wanted in text),
}
"""What each flaw rewards, of a text and of the text that is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeller:
    """Says which of two texts is better: as gold does, but for a share that follows the flaw or is turned."""

    flaw: str
    text: str
    share: float
    """Of the labels that follow the flaw, where it tells the two apart."""
    noise: float
    """Of the labels that are then turned."""
    seed: int

    def first_is_better(self, pair: str, texts: tuple[str, str], gold: tuple[float, float]) -> bool | None:
        """Whether the first of two texts wins; None where gold finds them equal: such a pair is not made.

        What is drawn derives from the seed and `pair`, the pair's name, alone.
        """
        if gold[0] == gold[1]:
            return None
        rng = random.Random(derived_seed("planted flaw", self.seed, pair))
        better = gold[0] > gold[1]
        flawed, turned = rng.random() < self.share, rng.random() < self.noise
        first, second = (FEATURES[self.flaw](each, self.text) for each in texts)
        if flawed and first != second:
            better = first > second
        return better != turned

    def feature(self, text: str) -> float:
        """How much a text has of what the flaw rewards."""
        return FEATURES[self.flaw](text, self.text)
