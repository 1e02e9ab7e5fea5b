from __future__ import annotations

import math
from itertools import combinations

import pytest

from rlaif.judging.bradley_terry import rounds_of, strengths, swiss


def test_one_game_by_hand() -> None:
    """Winner: 1.5 wins of the games 1/(p+q) and 1/(p+1); by symmetry q = 1/p, so 1.5 = p/(p+1/p) + p/(p+1)."""
    one, other = strengths(2, [(0, 1, 1.0)])
    p = math.exp(one)
    assert one == pytest.approx(-other, abs=1e-4)
    assert p / (p + 1 / p) + p / (p + 1) == pytest.approx(1.5, abs=1e-4)


def test_who_never_lost_is_finite_and_who_never_played_is_middling() -> None:
    found = strengths(3, [(0, 1, 1.0)] * 50)
    assert found[0] < 6
    assert found[2] == pytest.approx(0.0, abs=1e-4)


def test_planted_strengths_come_back() -> None:
    planted = [1.5, 0.5, -0.5, -1.5]
    games = [
        (i, j, 1 / (1 + math.exp(planted[j] - planted[i])))
        for i, j in combinations(range(4), 2)
        for _ in range(400)
    ]
    assert strengths(4, games) == pytest.approx(planted, abs=0.02)


@pytest.mark.parametrize("count", [2, 3, 4, 7, 16, 64, 100])
def test_a_tournament_has_n_log_n_games(count: int) -> None:
    met: dict[frozenset[int], int] = {}
    games = 0
    for _ in range(rounds_of(count)):
        drawn = swiss(range(count), met)
        assert len({player for game in drawn for player in game}) == 2 * len(drawn)
        games += len(drawn)
        for game in drawn:
            met[frozenset(game)] = met.get(frozenset(game), 0) + 1
    assert games <= count / 2 * math.ceil(math.log2(count))
    assert count not in (4, 16, 64) or max(met.values()) == 1
