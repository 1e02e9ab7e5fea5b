"""Published gold sets and recorded judges, told apart by their columns. One file a format."""

from rlaif.exchange.benchmarks.nouns import (
    LOST,
    GoldChoice,
    GoldLabel,
    GoldPair,
    GoldSet,
    Orders,
    Verdict,
)
from rlaif.exchange.benchmarks.reading import FORMATS, read_gold, read_recorded

__all__ = [
    "FORMATS",
    "LOST",
    "GoldChoice",
    "GoldLabel",
    "GoldPair",
    "GoldSet",
    "Orders",
    "Verdict",
    "read_gold",
    "read_recorded",
]
