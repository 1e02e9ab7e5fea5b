"""How far apart the classes are: rewards less that of the ideal answers to the same prompt. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from rlaif.records import Featured

Value = Callable[[Featured], float]


class Spread(NamedTuple):
    """Mean and standard deviation of one class, 0 being the mean ideal answer of each prompt."""

    answers: int
    mean: float
    deviation: float


def spread(rows: Sequence[Featured], tiers: Sequence[Sequence[str]], value: Value) -> dict[str, Spread]:
    """By class, in the order of `tiers`, over the prompts that have an answer of the best class."""
    ideal: dict[str, list[float]] = {}
    for row in rows:
        if row.label in tiers[0]:
            ideal.setdefault(row.prompt_id, []).append(value(row))
    centres = {prompt: math.fsum(values) / len(values) for prompt, values in ideal.items()}
    found: Mapping[str, list[float]] = {label: [] for tier in tiers for label in tier}
    for row in rows:
        if row.prompt_id in centres:
            found[row.label].append(value(row) - centres[row.prompt_id])
    return {label: _of(values) for label, values in found.items() if values}


def _of(values: Sequence[float]) -> Spread:
    mean = math.fsum(values) / len(values)
    deviation = math.sqrt(math.fsum((each - mean) ** 2 for each in values) / len(values))
    return Spread(len(values), mean, deviation)
