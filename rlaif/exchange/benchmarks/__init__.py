"""Published gold sets and recorded judges; their columns tell the format."""

from rlaif.exchange.benchmarks.reading import read_gold, read_recorded
from rlaif.exchange.gold import (
    LOST,
    GoldChoice,
    GoldLabel,
    GoldPair,
    GoldSet,
    Orders,
    RecordedVerdict,
)

__all__ = [
    "LOST",
    "GoldChoice",
    "GoldLabel",
    "GoldPair",
    "GoldSet",
    "Orders",
    "RecordedVerdict",
    "read_gold",
    "read_recorded",
]
