"""Calibration of label probabilities: bins, expected calibration error, Brier score, and temperature scaling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rlaif.auditing.intervals import LEVEL, Interval, clustered_share

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Floats

BINS = 10
CLIP = 1e-6
T_RANGE = (0.05, 50.0)


class Forecast(NamedTuple):
    """P(first is better) as the judge says it, over both orders, and what is true (1, 0, or a share of votes)."""

    p: float
    truth: float


class Bin(NamedTuple):
    """Forecasts between two bounds: how many, their mean, and how often the first was better."""

    size: int
    said: float
    true: float


def bins(forecasts: Sequence[Forecast]) -> list[Bin]:
    """The bins of equal width that hold something, from low to high."""
    held: list[list[Forecast]] = [[] for _ in range(BINS)]
    for each in forecasts:
        held[min(BINS - 1, int(each.p * BINS))].append(each)
    return [
        Bin(
            len(rows),
            math.fsum(row.p for row in rows) / len(rows),
            math.fsum(row.truth for row in rows) / len(rows),
        )
        for rows in held
        if rows
    ]


def calibration_error(forecasts: Sequence[Forecast]) -> float | None:
    """Expected calibration error: mean |forecast - outcome| over bins, weighted by their size; None of nothing."""
    if not forecasts:
        return None
    return math.fsum(each.size * abs(each.said - each.true) for each in bins(forecasts)) / len(forecasts)


def error_interval(sizes: Floats, said: Floats, true: Floats) -> Interval:
    """The calibration error with its interval, from (prompts, bins): sizes, sums of what is said, sums of what is true.

    A mean of distances is never below zero and lies above the truth wherever the truth is near it, so that no
    bootstrap holds it. Here each bin's share of true ones has an interval of its own. Below, all are taken to be as
    near to what is said as these allow at once (Sidak's level, 1967), so that a judge who says what is true has an
    error of zero; above, the distances to the far ends are put together as those of independent bins (Zou and
    Donner, 2008).
    """
    count = float(sizes.sum())
    used = [place for place in range(sizes.shape[1]) if sizes[:, place].sum() > 0]
    value = low = beyond = 0.0
    for place in used:
        weight = float(sizes[:, place].sum()) / count
        at = float(said[:, place].sum() / sizes[:, place].sum())
        near = clustered_share(true[:, place], sizes[:, place], level=LEVEL ** (1 / len(used)))
        far = clustered_share(true[:, place], sizes[:, place])
        assert near is not None
        assert far is not None
        distance = abs(far.value - at)
        value += weight * distance
        low += weight * max(0.0, at - near.high, near.low - at)
        beyond += (weight * (max(far.high - at, at - far.low) - distance)) ** 2
    return Interval(value, low, min(1.0, value + math.sqrt(beyond)))


def brier(forecasts: Sequence[Forecast]) -> float | None:
    """Brier score: mean squared distance of forecasts from outcomes; None of nothing."""
    if not forecasts:
        return None
    return math.fsum((each.p - each.truth) ** 2 for each in forecasts) / len(forecasts)


def folded(forecasts: Sequence[Forecast]) -> list[Forecast]:
    """Each forecast and its mirror image, for which text is called the first is arbitrary."""
    return [*forecasts, *(Forecast(1 - each.p, 1 - each.truth) for each in forecasts)]


def probability_at_temperature(p: float, temperature: float) -> float:
    """A probability with its log-odds divided by `temperature` (`judging.scales.at_temperature` takes log-odds)."""
    held = min(max(p, CLIP), 1 - CLIP)
    return 1 / (1 + math.exp(-math.log(held / (1 - held)) / temperature))


def fit_temperature(forecasts: Sequence[Forecast], *, at: float = 1.0) -> float | None:
    """The temperature with the highest likelihood, by golden-section search over log T; None of nothing.

    The forecasts were made `at` this temperature: a high one keeps sure ones apart that would all round to 1.
    The log-likelihood has one peak in 1 / T. A judge that is never wrong ends at the lower bound of `T_RANGE`.
    """
    if not forecasts:
        return None
    ratio = (math.sqrt(5) - 1) / 2
    low, high = (math.log(bound) for bound in T_RANGE)
    while high - low > 1e-4:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if _surprise(forecasts, math.exp(left) / at) <= _surprise(forecasts, math.exp(right) / at):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def _surprise(forecasts: Sequence[Forecast], temperature: float) -> float:
    total = 0.0
    for each in forecasts:
        p = min(max(probability_at_temperature(each.p, temperature), 1e-12), 1 - 1e-12)
        total -= each.truth * math.log(p) + (1 - each.truth) * math.log(1 - p)
    return total
