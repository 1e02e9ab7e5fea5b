"""Strengths out of comparisons, and which comparisons are worth making. Pure arithmetic.

P(i beats j) = sigmoid(s_i - s_j) (Bradley and Terry, 1952). Every completion also wins and loses half a game against a
ghost of strength 0: who never lost is strong, and not infinitely so, and the likelihood has one maximum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

GHOST = 0.5
FLAT = 1e-9
"""Largest slope of the log-likelihood that is left at its maximum."""
DIGITS = 6

Games = Sequence[tuple[int, int, float]]
"""First, second, and the share of the game that the first won."""


def strengths(count: int, games: Games) -> list[float]:
    """Log-strengths of `count` players, the ghost's being 0: where the likelihood of the games is greatest."""
    won = [[0.0] * count for _ in range(count)]
    for first, second, share in games:
        won[first][second] += share
        won[second][first] += 1 - share
    return strengths_by_wins(won)


def strengths_by_wins(won: Sequence[Sequence[float]], ghost: float = GHOST) -> list[float]:
    """As `strengths`, of a matrix: `won[i][j]` is how often, or with what weight, i won against j.

    The maximum of sum_ij won_ij log sigmoid(s_i - s_j), with `ghost` games won and lost against the ghost.
    """
    count = len(won)
    if count == 0:
        return []
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import expit

    matrix = np.asarray(won, dtype=np.float64)
    wins, met = matrix.sum(axis=1) + ghost, matrix + matrix.T

    def surprise(power: Floats) -> float:
        both = (met * np.logaddexp(power[:, None], power[None, :])).sum() / 2
        return float(both + 2 * ghost * np.logaddexp(0, power).sum() - wins @ power)

    def slope(power: Floats) -> Floats:
        expected = (met * expit(power[:, None] - power[None, :])).sum(axis=1)
        return np.asarray(expected + 2 * ghost * expit(power) - wins)

    def curve(power: Floats) -> Floats:
        chance = expit(power[:, None] - power[None, :])
        pull = met * chance * (1 - chance)
        own = expit(power)
        return np.asarray(np.diag(pull.sum(axis=1) + 2 * ghost * own * (1 - own)) - pull)

    start = np.zeros(count)
    found = minimize(surprise, start, method="trust-exact", jac=slope, hess=curve, options={"gtol": FLAT})
    # who did alike is alike, to the last bit
    return [round(float(each), DIGITS) + 0.0 for each in found.x]


def rounds_of(count: int) -> int:
    """Rounds of a tournament that sorts `count` players: the halvings it takes, so O(N log N) games in all."""
    return max(1, math.ceil(math.log2(count))) if count > 1 else 0


def swiss(order: Sequence[int], played: Mapping[frozenset[int], int]) -> list[tuple[int, int]]:
    """The next round: neighbours in `order`, best first, that have met least often; one player may be left out.

    At most half as many games as players; who was left out of one round moves on by the next round's order.
    """
    left = list(order)
    games = []
    while len(left) > 1:
        player = left.pop(0)
        rival = min(
            range(len(left)), key=lambda place: (played.get(frozenset((player, left[place])), 0), place)
        )
        games.append((player, left.pop(rival)))
    return games
