"""How gold moves as a policy is pushed towards a proxy: Gao's two curves (2210.10760), best of n, and its KL.

Distances are d = sqrt(KL) in square roots of nats; R is gold less the gold of the first policy. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal, NamedTuple

from rlaif.auditing.intervals import Interval, mean_interval
from rlaif.hashing import derived_seed

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Floats

Form = Literal["best-of-n", "rl"]
"""R(d) = d (alpha - beta d) of best-of-n, R(d) = d (alpha - beta log d) of training."""
TAIL = 2.5
"""Percent of the resamples on each side of a 95 % interval."""
_FLAT = 1e-12


def best_of_n_kl(n: int) -> float:
    """KL of best-of-n to the policy that drew, in nats, where no two draws are equally good: log n - (n - 1) / n."""
    return math.log(n) - (n - 1) / n


def tied_kl(proxies: Sequence[float], n: int) -> float:
    """KL of best-of-n with ties, of the distribution that `proxies`, draws for one prompt, are.

    Equal draws are chosen among by chance, so that the ratio of the two policies depends on the value alone:
    with shares p_v and cumulative shares F_v it is q_v / p_v, q_v = F_v^n - F_(v-1)^n, and KL = sum q_v log(q_v / p_v).
    """
    total, below, found = len(proxies), 0, 0.0
    for _, equal in groupby(sorted(proxies)):
        share = len(list(equal))
        q = ((below + share) / total) ** n - (below / total) ** n
        below += share
        if q > 0:
            found += q * math.log(q * total / share)
    return found


class BestOfNKL(NamedTuple):
    """What best-of-n's KL is by the formula, and by the draws."""

    n: int
    formula: float
    """log n - (n - 1) / n: the upper bound, met where nothing ties (2401.01879)."""
    measured: Interval
    """With its ties, over prompts."""


def check_best_of_n_kl(groups: Sequence[Sequence[float]], n: int) -> BestOfNKL:
    """The formula beside the draws' own KL; `groups` are the proxy rewards of the draws of each prompt.

    Of finitely many draws the plug-in estimate is a little below the formula even without ties. What it is then, at
    as many draws, is taken off: what is left are the ties.
    """
    formula = best_of_n_kl(n)
    values = [
        (place, formula - (tied_kl(range(len(group)), n) - tied_kl(group, n)))
        for place, group in enumerate(groups)
    ]
    found = mean_interval(values, limits=None)
    assert found is not None, "there are draws"
    return BestOfNKL(n, formula, found)


def best_of_n(proxies: Sequence[float], values: Sequence[float], n: int) -> float:
    """Expected value of the best of n by proxy, over all choices of n of the N draws: unbiased, of any N >= n.

    sum over i = n..N of C(i - 1, n - 1) / C(N, n) times the value at rank i by proxy; draws of equal proxy share their
    mean value, as if the choice among them were by chance.
    """
    order = sorted(zip(proxies, values, strict=True), key=lambda each: each[0])
    total, place, found = len(order), 0, 0.0
    whole = math.comb(total, n)
    for _, tied in groupby(order, key=lambda each: each[0]):
        equal = [value for _, value in tied]
        chosen = math.comb(place + len(equal), n) - math.comb(place, n)
        found += chosen / whole * math.fsum(equal) / len(equal)
        place += len(equal)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldCurve:
    """Gold along one run: a seed's best-of-n over its n, or a seed's training over its checkpoints."""

    distances: tuple[float, ...]
    """sqrt(KL) of each point; the first is 0."""
    gold: tuple[tuple[float, ...], ...]
    """Of each point the gold of each prompt, the same prompts in the same order at all of them."""


class Fit(NamedTuple):
    """One of Gao's curves, fitted to one or more runs."""

    form: Form
    alpha: Interval
    beta: Interval
    peak_distance: Interval | None
    """Where gold is highest; None where the fitted curve only rises, or only falls."""
    peak: Interval | None
    """How much gold is gained there."""
    falling: float
    """Share of the resamples in which the curve has a peak."""
    r2: float
    points: int


def fit(form: Form, curves: Sequence[GoldCurve], *, resamples: int = 1000, seed: int = 0) -> Fit | None:
    """Least squares through all points of all runs; intervals by the bootstrap over runs (seeds) and prompts.

    A resample draws runs with replacement, and in each of them prompts. Returns None of fewer than three points off
    zero: nothing could be seen of how a curve of two parameters fits.
    """
    import numpy as np

    runs = [_run(each) for each in curves]
    moved = [(distance, gain.mean(axis=1)) for distance, gain in runs]
    x, y = (
        (np.concatenate(each) for each in zip(*moved, strict=True)) if moved else (np.zeros(0), np.zeros(0))
    )
    if len(x) < 3:
        return None
    alpha, beta = _least_squares(form, x, y)
    residual = float(((y - _curve(form, x, alpha, beta)) ** 2).sum())
    spread = float(((y - y.mean()) ** 2).sum())
    random = np.random.default_rng(derived_seed(seed, "over-optimisation"))
    found = []
    for _ in range(resamples):
        drawn = [runs[place] for place in random.integers(0, len(runs), len(runs))]
        parts = [
            (distance, gain[:, random.integers(0, gain.shape[1], gain.shape[1])].mean(axis=1))
            for distance, gain in drawn
        ]
        again = _least_squares(form, *(np.concatenate(each) for each in zip(*parts, strict=True)))
        found.append((*again, *(peak_of(form, *again) or (math.nan, math.nan))))
    table = np.asarray(found)
    peaked = ~np.isnan(table[:, 2])
    own = peak_of(form, alpha, beta)
    return Fit(
        form=form,
        alpha=_between(alpha, table[:, 0]),
        beta=_between(beta, table[:, 1]),
        peak_distance=_between(own[0], table[peaked, 2]) if own else None,
        peak=_between(own[1], table[peaked, 3]) if own else None,
        falling=float(peaked.mean()),
        r2=1 - residual / spread if spread > _FLAT else math.nan,
        points=len(x),
    )


def gain(form: Form, distance: float, alpha: float, beta: float) -> float:
    """R(d), the gold that is gained at a distance."""
    if form == "best-of-n":
        return distance * (alpha - beta * distance)
    return distance * (alpha - beta * math.log(distance)) if distance > 0 else 0.0


def peak_of(form: Form, alpha: float, beta: float) -> tuple[float, float] | None:
    """Where R(d) is highest, and how high: alpha / 2 beta, or e^(alpha / beta - 1); None where it never falls."""
    if beta <= _FLAT or (form == "best-of-n" and alpha <= 0):
        return None
    if form == "best-of-n":
        return alpha / (2 * beta), alpha * alpha / (4 * beta)
    power = alpha / beta - 1
    if power > 50:  # so far away that nobody will ever see it
        return None
    return math.exp(power), beta * math.exp(power)


def _run(curve: GoldCurve) -> tuple[Floats, Floats]:
    """Distances of the points off zero, and (points, prompts) what each prompt's gold has gained there."""
    import numpy as np

    distance, gold = np.asarray(curve.distances), np.asarray(curve.gold)
    off = distance > 0
    return distance[off], (gold - gold[0])[off]


def _curve(form: Form, x: Floats, alpha: float, beta: float) -> Floats:
    return _basis(form, x) @ [alpha, beta]


def _basis(form: Form, x: Floats) -> Floats:
    import numpy as np

    return np.stack([x, -x * x if form == "best-of-n" else -x * np.log(x)], axis=1)


def _least_squares(form: Form, x: Floats, y: Floats) -> tuple[float, float]:
    import numpy as np

    alpha, beta = np.linalg.lstsq(_basis(form, x), y, rcond=None)[0]
    return float(alpha), float(beta)


def _between(value: float, drawn: Floats) -> Interval:
    import numpy as np

    if not len(drawn):
        return Interval(value, value, value)
    low, high = np.percentile(drawn, [TAIL, 100 - TAIL])
    return Interval(value, min(value, float(low)), max(value, float(high)))
