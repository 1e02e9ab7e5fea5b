"""How sure a figure is: Wilson for one share, a bootstrap over prompts where a prompt counts several times."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from rlaif.hashing import derived_seed

Z = 1.959963984540054
"""Of the normal distribution at 95 %, both sides."""
RESAMPLES = 2000
Row = TypeVar("Row")


class Interval(NamedTuple):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def mean(values: Iterable[float]) -> float | None:
    """Arithmetic mean; None of nothing."""
    listed = list(values)
    return math.fsum(listed) / len(listed) if listed else None


def wilson(hits: int, count: int) -> Interval | None:
    """A share of independent trials with its Wilson score interval; None of no trials."""
    if count == 0:
        return None
    share = hits / count
    whole = 1 + Z * Z / count
    middle = (share + Z * Z / (2 * count)) / whole
    half = Z / whole * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def bootstrap(
    rows: Sequence[Row],
    figure: Callable[[Sequence[Row]], float | None],
    cluster: Callable[[Row], Hashable],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """`figure` of all rows with a percentile interval; whole clusters are drawn, as their rows are not independent.

    None where there is no figure. Draws in which there is none do not count.
    """
    value = figure(rows)
    if value is None:
        return None
    import numpy as np

    groups: dict[Hashable, list[Row]] = {}
    for row in rows:
        groups.setdefault(cluster(row), []).append(row)
    listed = list(groups.values())
    random = np.random.default_rng(derived_seed(seed, "audit bootstrap"))
    found = []
    for _ in range(resamples):
        drawn = random.integers(0, len(listed), len(listed))
        again = figure([row for place in drawn for row in listed[place]])
        if again is not None:
            found.append(again)
    low, high = np.quantile(found, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def mean_interval(values: Sequence[tuple[Hashable, float]], *, seed: int = 0) -> Interval | None:
    """Mean of (cluster, value) with the interval of `bootstrap`, in a few array operations."""
    if not values:
        return None
    import numpy as np

    sums: dict[Hashable, list[float]] = {}
    for key, value in values:
        held = sums.setdefault(key, [0.0, 0.0])
        held[0] += value
        held[1] += 1
    table = np.asarray(list(sums.values()), dtype=float)
    random = np.random.default_rng(derived_seed(seed, "audit bootstrap"))
    means = []
    for _ in range(RESAMPLES):
        total, count = table[random.integers(0, len(table), len(table))].sum(axis=0)
        means.append(total / count)
    low, high = np.quantile(means, [0.025, 0.975])
    total, count = table.sum(axis=0)
    return Interval(float(total / count), float(low), float(high))
