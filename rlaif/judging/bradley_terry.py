"""Strengths out of comparisons, and which comparisons are worth making. Pure arithmetic.

P(i beats j) = sigmoid(s_i - s_j) (Bradley and Terry, 1952), fitted by minorisation (Hunter, 2004). Every completion
also wins and loses half a game against a ghost of strength 0: who never lost is strong, and not infinitely so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

GHOST = 0.5
ENOUGH = 1e-6
"""Largest change of a log-strength in the last sweep."""
SWEEPS = 1000

Games = Sequence[tuple[int, int, float]]
"""First, second, and the share of the game that the first won."""


def strengths(count: int, games: Games) -> list[float]:
    """Log-strengths of `count` players, 0 in their middle and for the ghost."""
    if count == 0:
        return []
    won = [GHOST] * count
    met: list[dict[int, int]] = [{} for _ in range(count)]
    for first, second, share in games:
        won[first] += share
        won[second] += 1 - share
        for one, other in ((first, second), (second, first)):
            met[one][other] = met[one].get(other, 0) + 1
    power = [0.0] * count
    for _ in range(SWEEPS):
        before, exps = power, [math.exp(each) for each in power]
        for player in range(count):
            against = 2 * GHOST / (exps[player] + 1)
            against += sum(n / (exps[player] + exps[other]) for other, n in met[player].items())
            exps[player] = won[player] / against
        power = [math.log(each) for each in exps]
        # the ghost is too light to hold the middle by itself: without this thousands of sweeps creep towards it
        middle = math.fsum(power) / count
        power = [each - middle for each in power]
        if max(abs(one - other) for one, other in zip(power, before, strict=True)) < ENOUGH:
            break
    return power


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
