"""Intervals for many figures at once: prompts are drawn with replacement, every figure from the same draws.

A figure is a function of sums over prompts (a share: hits and trials; kappa: four counts). Sums are linear in how often
each prompt was drawn, so that all figures of an audit cost one matrix product. The draws give each figure's error, and
`intervals` the interval that goes with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from rlaif.auditing.intervals import (
    SHARE,
    Interval,
    Limits,
    Z,
    agresti_coull,
    around,
    effective,
    one_trial_each,
    spread,
    surplus,
    wilson,
)
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
    limits: Callable[[Floats], Limits | None] = lambda _: SHARE
    """From the sums over all prompts, the least and the largest value that the figure could have had; None: any."""
    effective: float | None = None
    """How many prompts of equal size these are worth, where their sizes differ."""
    single: bool = False
    """Whether it is a share of prompts, each hit or missed as a whole."""
    least_error: Callable[[Floats], float] = lambda _: 0.0
    """From the sums over all prompts, below which draws of few prompts are not believed."""
    interval: Callable[[Floats], Interval] | None = None
    """From `sums`, where the figure has an interval of its own kind."""


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


def share(cluster: Ints, clusters: int, value: Floats, limits: Limits | None = SHARE) -> Tally:
    """The mean of `value` (n,), whose rows belong to prompts `cluster` (n,). Rows that are NaN do not count.

    It is a share unless `limits` says otherwise; with None a mean of any numbers.
    """
    import numpy as np

    known = ~np.isnan(value)
    where, what = cluster[known], value[known]
    columns = [np.bincount(where, what, clusters), np.bincount(where, minlength=clusters)]
    sums: Floats = np.stack(columns, axis=1).astype(float)
    prompts = float(np.count_nonzero(sums[:, 1]))
    return Tally(
        sums,
        ratio,
        prompts,
        limits=lambda _: limits,
        effective=effective(sums[:, 1]) if prompts else None,
        single=limits == SHARE and one_trial_each(sums[:, 0], sums[:, 1]),
    )


def between_extremes(cluster: Ints, clusters: int, value: Floats, least: Floats, most: Floats) -> Tally:
    """As `share`, of values that could each have been anything from `least` to `most`.

    Where the rare worst value has not been seen, what has been seen does not spread: the limits know of it.
    """
    import numpy as np

    known = ~np.isnan(value)
    where = cluster[known]
    columns = [np.bincount(where, each[known], clusters) for each in (value, least, most)]
    sizes = np.bincount(where, minlength=clusters).astype(float)
    prompts = float(np.count_nonzero(sizes))
    return Tally(
        np.stack([*columns, sizes], axis=1).astype(float),
        lambda sums: ratio(sums[..., [0, 3]]),
        prompts,
        limits=lambda sums: (float(sums[1] / sums[3]), float(sums[2] / sums[3])),
        effective=effective(sizes) if prompts else None,
    )


def surer(cluster: Ints, clusters: int, said: Floats, right: Floats) -> Tally:
    """How much greater the mean of `said` is than the share of `right`; rows in which either is NaN do not count."""
    import numpy as np

    known = ~np.isnan(said - right)
    where = cluster[known]
    columns = [np.bincount(where, each[known], clusters) for each in (said, right)]
    sizes = np.bincount(where, minlength=clusters)
    return Tally(
        np.stack([*columns, sizes], axis=1).astype(float),
        lambda sums: ratio(np.stack([sums[..., 0] - sums[..., 1], sums[..., 2]], axis=-1)),
        float(np.count_nonzero(sizes)),
        interval=lambda sums: surplus(*sums.T),
    )


def counted(hits: int, count: int) -> Estimate:
    """A share of things that are no prompts of the run, by Wilson."""
    found = wilson(hits, count)
    if found is None:
        raise ValueError("a share of nothing")
    return Estimate(*found, (found.high - found.low) / (2 * Z), float(count))


def estimate(
    tallies: Mapping[str, Tally], *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Estimate]:
    """Each figure with its interval; figures that are of nothing are left out."""
    import numpy as np

    held = {name: each for name, each in tallies.items() if len(each.sums) and each.prompts > 0}
    if not held:
        return {}
    table = np.concatenate([each.sums for each in held.values()], axis=1)
    drawn = _drawn(table, resamples, seed)
    found = {}
    start = 0
    for name, each in held.items():
        stop = start + each.sums.shape[1]
        if not math.isnan(float(each.figure(each.sums.sum(axis=0)))):
            found[name] = _estimated(each, each.figure(drawn[:, start:stop]))
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


def _estimated(tally: Tally, drawn: Floats) -> Estimate:
    import numpy as np

    whole = tally.sums.sum(axis=0)
    value, prompts = float(tally.figure(whole)), tally.prompts
    drawn = drawn[~np.isnan(drawn)]
    error = spread(drawn, round(prompts))
    if tally.interval is not None:
        found = tally.interval(tally.sums)
    elif tally.single:
        error, found = math.sqrt(max(0.0, value * (1 - value)) / prompts), agresti_coull(value, prompts)
    else:
        error = max(error, tally.least_error(whole))
        found = around(value, error, tally.effective or prompts, tally.limits(whole))
    # of 0 hits in 40 prompts every draw has 0 hits, and yet the share may well be .02
    return Estimate(*found, error or (found.high - found.low) / (2 * Z), prompts)
