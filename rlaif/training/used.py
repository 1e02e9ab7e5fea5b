"""Which pairs each step uses, as a file beside the metrics: an order is known before its first step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from rlaif.atomic import write_lines
from rlaif.training.order import Order
from rlaif.training.tokens import TokenPair


@runtime_checkable
class OfPairs(Protocol):
    """An objective whose steps take pairs."""

    pairs: Sequence[TokenPair]
    order: Order


def write_used(path: Path, objective: object) -> None:
    """A line for each step, `{step, pairs}`; steps count from 1. Nothing for an objective that takes no pairs."""
    if isinstance(objective, OfPairs):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_lines(path, _lines(objective))


def _lines(objective: OfPairs) -> Iterator[str]:
    for step in range(objective.order.steps):
        ids = [objective.pairs[row].id for row in objective.order.rows(step)]
        yield json.dumps({"step": step + 1, "pairs": ids})
