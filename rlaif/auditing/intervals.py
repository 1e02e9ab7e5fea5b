"""How sure a figure is: the one place where intervals are made, for everything that prints one.

A percentile bootstrap of 20 hits in 20 is [1, 1], and covers a share of .98 once in three times. So the bootstrap gives
the error of a figure only, and the interval is that of Agresti and Coull (1998) for as many independent trials as would
have that error: the effective sample of clustered data after Korn and Graubard (1998), who take a quantile of Student's
distribution where the error itself is estimated from few clusters. Dean and Pavlou (2015) compare such intervals for
clustered shares near 0 and 1. A figure between other limits than 0 and 1 (kappa, a difference of shares) is first laid
between them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from rlaif.hashing import derived_seed

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Floats

Z = 1.959963984540054
"""Of the normal distribution at 95 %, both sides."""
LEVEL = 0.95
RESAMPLES = 2000
_NOTHING = 1e-12
_CELLS = 1_000_000
Row = TypeVar("Row")
Limits = tuple[float, float]
"""The least and the largest value that a figure can have."""
SHARE: Limits = (0.0, 1.0)


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
    """A share of independent trials with its score interval (Wilson, 1927); None of no trials."""
    if count == 0:
        return None
    share = hits / count
    whole = 1 + Z * Z / count
    middle = (share + Z * Z / (2 * count)) / whole
    half = Z / whole * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def agresti_coull(share: float, trials: float, *, level: float = LEVEL) -> Interval:
    """A share of so many independent trials, which need not be a whole number (Agresti and Coull, 1998).

    Never without width: 20 of 20 is [.81, 1]. It holds the share.
    """
    from scipy.special import ndtri

    z = float(-ndtri((1 - level) / 2))
    whole = trials + z * z
    middle = (share * trials + z * z / 2) / whole
    half = z * math.sqrt(middle * (1 - middle) / whole)
    return Interval(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))


def around(
    value: float, error: float, clusters: float, limits: Limits | None = SHARE, *, level: float = LEVEL
) -> Interval:
    """The interval of a figure whose standard `error` was estimated from so many independent clusters.

    Without limits it is Student's. An error of zero says that the clusters were all alike, and not that all others
    are: the share of others that so many clusters leave possible may then lie at either limit.
    """
    from scipy.special import ndtri, stdtrit

    tail = (1 - level) / 2
    student = float(-stdtrit(max(1.0, clusters - 1), tail))
    if limits is None:
        return Interval(value, value - student * error, value + student * error)
    low, high = limits
    width = high - low
    place, spread = min(1.0, max(0.0, (value - low) / width)), error / width
    room = place * (1 - place)
    if room <= _NOTHING or spread * spread <= _NOTHING * room:
        others = agresti_coull(0.0, clusters, level=level).high
        return Interval(value, value - others * (value - low), value + others * (high - value))
    trials = room / spread**2 * (float(ndtri(tail)) / student) ** 2
    found = agresti_coull(place, trials, level=level)
    return Interval(value, min(value, low + width * found.low), max(value, low + width * found.high))


def beyond_chance(chance: float) -> Limits:
    """The limits of (agreement - chance) / (1 - chance), at no agreement and at all of it.

    Laid between them a kappa is the agreement behind it, so that one without an error gets that share's interval.
    """
    return -chance / (1 - chance), 1.0


def clustered_share(hits: Floats, sizes: Floats, *, level: float = LEVEL) -> Interval | None:
    """`hits` of `sizes` things in each of several clusters, as a share of all; None of no things."""
    hits, sizes = hits[sizes > 0], sizes[sizes > 0]
    if not len(sizes):
        return None
    share = float(hits.sum() / sizes.sum())
    if one_trial_each(hits, sizes):
        return agresti_coull(share, len(sizes), level=level)
    return around(share, ratio_error(hits, sizes), effective(sizes), level=level)


def ratio_error(sums: Floats, sizes: Floats) -> float:
    """The standard error of all `sums` by all `sizes` of several clusters (Cochran, 1977, 6.3)."""
    import numpy as np

    whole = float(sizes.sum())
    apart = sums - float(sums.sum()) / whole * sizes
    return float(np.sqrt((apart**2).sum())) / whole * _few(len(sizes))


def clustered(values: Sequence[tuple[Hashable, float]]) -> Interval | None:
    """`clustered_share` of (cluster, hit)."""
    table = _sums(values)
    return clustered_share(table[:, 0], table[:, 1]) if len(table) else None


def surplus(sums: Floats, hits: Floats, sizes: Floats) -> Interval:
    """The mean of `sums` less the share of `hits`, from cluster sums: each has its interval (Zou and Donner, 2008)."""
    share = clustered_share(hits, sizes)
    assert share is not None
    sums, sizes = sums[sizes > 0], sizes[sizes > 0]
    level = float(sums.sum() / sizes.sum())
    said = around(level, ratio_error(sums, sizes), effective(sizes), None)
    value, half = level - share.value, level - said.low
    low, high = math.hypot(half, share.high - share.value), math.hypot(half, share.value - share.low)
    return Interval(value, value - low, value + high)


def effective(sizes: Floats) -> float:
    """How many clusters of equal size are worth as much as these: Kish's (1965) count."""
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def one_trial_each(hits: Floats, sizes: Floats) -> bool:
    """Whether every cluster is a trial of its own: hit or missed as a whole, and all of one size.

    What is not is estimated; what is, is known: such shares have the error of the binomial distribution.
    """
    import numpy as np

    hits, sizes = hits[sizes > 0], sizes[sizes > 0]
    whole = (np.abs(hits) < _NOTHING) | (np.abs(hits - sizes) < _NOTHING)
    return bool(len(sizes) and whole.all() and (sizes == sizes[0]).all())


def bootstrap(
    rows: Sequence[Row],
    figure: Callable[[Sequence[Row]], float | None],
    cluster: Callable[[Row], Hashable],
    *,
    limits: Callable[[Sequence[Row]], Limits] = lambda _: SHARE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """`figure` of all rows with its interval between `limits`; the error is that of draws of whole clusters.

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
    sizes = np.asarray([len(each) for each in listed], dtype=float)
    return around(value, spread(np.asarray(found), len(listed)), effective(sizes), limits(rows))


def mean_interval(
    values: Sequence[tuple[Hashable, float]],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    limits: Limits | None = SHARE,
) -> Interval | None:
    """Mean of (cluster, value), which are shares unless `limits` says otherwise; None of nothing.

    The interval is that of `bootstrap`, in a few array operations.
    """
    if not values:
        return None
    import numpy as np

    table = _sums(values)
    total, count = table.sum(axis=0)
    if limits == SHARE and one_trial_each(table[:, 0], table[:, 1]):
        return agresti_coull(float(total / count), len(table))
    random = np.random.default_rng(derived_seed(seed, "audit bootstrap"))
    means: list[Floats] = []
    at_once = max(1, _CELLS // len(table))
    for start in range(0, resamples, at_once):
        size = (min(at_once, resamples - start), len(table))
        drawn = table[random.integers(0, len(table), size)].sum(axis=1)
        means.append(drawn[:, 0] / drawn[:, 1])
    error = spread(np.concatenate(means), len(table))
    return around(float(total / count), error, effective(table[:, 1]), limits)


def _sums(values: Iterable[tuple[Hashable, float]]) -> Floats:
    """(clusters, 2): the sum of each cluster's values and how many they are."""
    import numpy as np

    sums: dict[Hashable, list[float]] = {}
    for key, value in values:
        held = sums.setdefault(key, [0.0, 0.0])
        held[0] += value
        held[1] += 1
    return np.asarray(list(sums.values()), dtype=float)


def spread(drawn: Floats, clusters: int) -> float:
    """The standard error that draws with replacement from so many clusters show; they show a little too little."""
    return float(drawn.std()) * _few(clusters) if len(drawn) else 0.0


def _few(clusters: int) -> float:
    return math.sqrt(clusters / (clusters - 1)) if clusters > 1 else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """How intervals over prompts are made: prompts are drawn again, so many times, from so many random numbers."""

    resamples: int = 1000
    seed: int = 0

    def interval(self, values: Sequence[float]) -> Interval | None:
        """95 % interval of the mean of `values`, shares between 0 and 1, one a prompt; None of nothing."""
        return mean_interval(list(enumerate(values)), resamples=self.resamples, seed=self.seed)
