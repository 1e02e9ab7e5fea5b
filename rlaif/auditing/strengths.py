"""A Bradley-Terry table of policies that answered the same prompts, with and without the lengths of their answers.

P(i's answer is judged better than j's) = sigmoid(s_i - s_j + b * tanh(length difference / its standard deviation)). The
first policy's strength is 0. Each two policies that met also share one even game at equal lengths, half a win each: who
won all has a finite strength (METHODS' pseudo-win). With lengths, a strength is that at equal lengths.

Intervals are of the bootstrap over prompts, a Newton step from the fit: all games of a prompt are drawn together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from rlaif.hashing import derived_seed

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Floats, Ints

RESAMPLES = 1000
ELO = 400 / math.log(10)
"""Points of Elo by which the odds are e to one."""
FEWEST = 2
"""Prompts below which nothing can be drawn again."""
_STEPS, _CLOSE, _SMALL = 100, 1e-10, 1e-9
_LOW, _HIGH = 2.5, 97.5


class Game(NamedTuple):
    """Two policies on one prompt."""

    prompt: str
    first: int
    """Place of a policy, in the order of time."""
    second: int
    won: float
    """1 where the first's answer is better, 0 where the second's is, one half where neither is."""
    longer: float
    """By how much the first's answer is longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """One policy's place in the table: log-odds against the first policy, which has 0."""

    policy: int
    value: float
    low: float
    high: float
    elo: float
    """The same in points of Elo, 0 of the first policy."""
    at_equal_length: float
    equal_low: float
    equal_high: float

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def strengths_of(
    games: Sequence[Game], policies: int, *, resamples: int = RESAMPLES, seed: int = 0
) -> list[Strength]:
    """The table of so many policies; empty where fewer than two prompts or two policies were compared.

    Args:
        games: All comparisons that were read; one that failed is none.
        policies: How many there are; each must have met another one.
        resamples: How often prompts are drawn again.
        seed: Of these draws.
    """
    import numpy as np

    met = {place for each in games for place in (each.first, each.second)}
    if policies < 2 or len({each.prompt for each in games}) < FEWEST or len(met) < policies:
        return []
    names: dict[str, int] = {}
    where = np.asarray([names.setdefault(each.prompt, len(names)) for each in games])
    won = np.asarray([each.won for each in games], dtype=float)
    plain = _design(games, policies)
    longer = np.asarray([each.longer for each in games], dtype=float)
    spread = float(longer.std())
    bent = np.tanh(longer / spread) if spread > 0 else np.zeros(len(games))
    pairs = sorted({(min(each.first, each.second), max(each.first, each.second)) for each in games})
    even = _design([Game("", one, other, 0.5, 0.0) for one, other in pairs], policies)
    times = _draws(len(names), resamples, seed)
    first = _fit(plain, won, even, where, times)
    equal = _fit(
        np.column_stack([plain, bent]), won, np.column_stack([even, np.zeros(len(even))]), where, times
    )
    found = [
        Strength(
            policy=0,
            value=0.0,
            low=0.0,
            high=0.0,
            elo=0.0,
            at_equal_length=0.0,
            equal_low=0.0,
            equal_high=0.0,
        )
    ]
    for place in range(policies - 1):
        value, low, high = first[place]
        at_equal, equal_low, equal_high = equal[place]
        found.append(
            Strength(
                policy=place + 1,
                value=value,
                low=low,
                high=high,
                elo=ELO * value,
                at_equal_length=at_equal,
                equal_low=equal_low,
                equal_high=equal_high,
            )
        )
    return found


def _design(games: Sequence[Game], policies: int) -> Floats:
    """(games, policies - 1): 1 for who is first, -1 for who is second; the first policy has no column."""
    import numpy as np

    found = np.zeros((len(games), policies))
    places = np.arange(len(games))
    found[places, [each.first for each in games]] += 1
    found[places, [each.second for each in games]] -= 1
    return found[:, 1:]


def _draws(prompts: int, resamples: int, seed: int) -> Floats:
    """(resamples, prompts): how often each prompt was drawn."""
    import numpy as np

    random = np.random.default_rng(derived_seed(seed, "strengths"))
    return random.multinomial(prompts, np.full(prompts, 1 / prompts), size=resamples).astype(float)


def _fit(
    design: Floats, won: Floats, even: Floats, where: Ints, times: Floats
) -> list[tuple[float, float, float]]:
    """Each weight with its interval. `even` are the games that were added, which are drawn with every prompt."""
    import numpy as np
    from scipy.special import expit

    weights = np.zeros(design.shape[1])

    def sums(each: Floats, target: Floats) -> tuple[Floats, Floats]:
        said = expit(each @ weights)
        slope = (target - said)[:, None] * each
        curve = (said * (1 - said))[:, None, None] * each[:, :, None] * each[:, None, :]
        return slope, curve

    half = np.full(len(even), 0.5)
    for _ in range(_STEPS):
        (slope, curve), (own_slope, own_curve) = sums(design, won), sums(even, half)
        ridge = _SMALL * np.eye(len(weights))
        whole = curve.sum(axis=0) + own_curve.sum(axis=0) + ridge
        step = np.linalg.solve(whole, slope.sum(axis=0) + own_slope.sum(axis=0))
        # a Newton step that is too long for the curve is shortened; the likelihood has one maximum
        weights = weights + step * min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < _CLOSE:
            break
    (slope, curve), (own_slope, own_curve) = sums(design, won), sums(even, half)
    count = times.shape[1]
    by_prompt = np.zeros((count, len(weights)))
    np.add.at(by_prompt, where, slope)
    curves = np.zeros((count, len(weights), len(weights)))
    np.add.at(curves, where, curve)
    pull = times @ by_prompt + own_slope.sum(axis=0)
    bend = np.einsum("bp,pij->bij", times, curves) + own_curve.sum(axis=0) + _SMALL * np.eye(len(weights))
    drawn = weights + np.linalg.solve(bend, pull[:, :, None])[:, :, 0]
    low, high = np.percentile(drawn, [_LOW, _HIGH], axis=0)
    return [(float(a), float(b), float(c)) for a, b, c in zip(weights, low, high, strict=True)]
