"""The Pareto front of policies that are measured by several objectives. Pure arithmetic on means over equal prompts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

Points = Mapping[str, Sequence[float | None]]
"""By name, a number for each objective, greater being better; None where it is not known."""


def front(points: Points) -> list[str]:
    """The points that no other one dominates; one with an unknown number is on no front.

    Another dominates where it is at least as good by every objective and better by one. Equal points dominate neither.
    """
    known = {name: own for name, own in points.items() if all(each is not None for each in own)}
    return [name for name, own in known.items() if not any(dominates(other, own) for other in known.values())]


def dominates(one: Sequence[float | None], other: Sequence[float | None]) -> bool:
    """Whether `one` is at least as good by every objective and better by one. Both are wholly known."""
    both = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    return len(both) == len(one) and all(a >= b for a, b in both) and any(a > b for a, b in both)


def standard_error(numbers: Sequence[float]) -> float | None:
    """Of the mean of numbers that are one a prompt; None of fewer than two."""
    return stdev(numbers) / math.sqrt(len(numbers)) if len(numbers) > 1 else None


def mean_of(numbers: Sequence[float]) -> float | None:
    """The mean; None of nothing."""
    return fmean(numbers) if numbers else None
