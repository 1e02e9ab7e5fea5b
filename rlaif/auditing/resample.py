"""Intervals for many figures at once: prompts are drawn with replacement, every figure from the same draws.

A figure is a function of sums over prompts (a share: hits and trials; a correlation: five moments). Sums are linear in
how often each prompt was drawn, so that all figures of an audit cost one matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from rlaif.auditing.intervals import Z, wilson
from rlaif.hashing import derived_seed

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Floats, Ints

RESAMPLES = 2000
_CELLS = 8_000_000


class Tally(NamedTuple):
    """A figure before it is computed."""

    sums: Floats
    """(prompts, k): what each prompt adds."""
    figure: Callable[[Floats], Floats]
    """(..., k) summed to (...); NaN where there is no figure."""
    prompts: float
    """Prompts behind it."""


class Estimate(NamedTuple):
    """A figure with its 95 % interval over prompts and its standard error."""

    value: float
    low: float
    high: float
    error: float
    prompts: float


def ratio(sums: Floats) -> Floats:
    """(..., 2) to the first by the second; NaN of nothing."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])


def share(cluster: Ints, clusters: int, value: Floats) -> Tally:
    """The mean of `value` (n,), whose rows belong to prompts `cluster` (n,). Rows that are NaN do not count."""
    import numpy as np

    known = ~np.isnan(value)
    where, what = cluster[known], value[known]
    sums = np.stack([np.bincount(where, what, clusters), np.bincount(where, minlength=clusters)], axis=1)
    return Tally(sums.astype(float), ratio, float(np.count_nonzero(sums[:, 1])))


def counted(hits: int, count: int) -> Estimate:
    """A share of things that are no prompts of the run, by Wilson."""
    found = wilson(hits, count)
    if found is None:
        raise ValueError("a share of nothing")
    return Estimate(*found, (found.high - found.low) / (2 * Z), float(count))


def estimate(
    tallies: Mapping[str, Tally], *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Estimate]:
    """Each figure with its percentile interval; figures that are of nothing are left out."""
    import numpy as np

    held = {name: each for name, each in tallies.items() if len(each.sums) and each.prompts > 0}
    if not held:
        return {}
    table = np.concatenate([each.sums for each in held.values()], axis=1)
    whole = table.sum(axis=0)
    drawn = _drawn(table, resamples, seed)
    found = {}
    start = 0
    for name, each in held.items():
        stop = start + each.sums.shape[1]
        value = float(each.figure(whole[start:stop]))
        if not math.isnan(value):
            found[name] = _interval(value, each.figure(drawn[:, start:stop]), each.prompts)
        start = stop
    return found


def _drawn(table: Floats, resamples: int, seed: int) -> Floats:
    """(resamples, columns): sums over prompts drawn with replacement."""
    import numpy as np

    random = np.random.default_rng(derived_seed(seed, "audit"))
    prompts = len(table)
    at_once = max(1, _CELLS // prompts)
    parts = []
    for start in range(0, resamples, at_once):
        size = min(at_once, resamples - start)
        places = random.integers(0, prompts, (size, prompts)) + np.arange(size)[:, None] * prompts
        times = np.bincount(places.ravel(), minlength=size * prompts).reshape(size, prompts)
        parts.append(times.astype(float) @ table)
    return np.concatenate(parts)


def _interval(value: float, drawn: Floats, count: float) -> Estimate:
    import numpy as np

    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return Estimate(value, math.nan, math.nan, math.inf, count)
    low, high = (float(each) for each in np.quantile(known, [0.025, 0.975]))
    error = float(known.std())
    exact = wilson(round(value * count), round(count)) if low == high and 0 <= value <= 1 else None
    if exact is not None:
        # of 0 hits in 40 prompts every draw has 0 hits, and yet the share may well be .02
        low, high = min(value, exact.low), max(value, exact.high)
        error = (high - low) / (2 * Z)
    # of a figure that cannot be negative every draw may lie on one side
    return Estimate(value, min(low, value), max(high, value), error, count)
