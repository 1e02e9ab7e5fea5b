from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from rlaif.judging.bradley_terry import rounds_of, strengths, swiss


def test_one_game_by_hand() -> None:
    """Winner: 1.5 wins of the games 1/(p+q) and 1/(p+1); by symmetry q = 1/p, so 1.5 = p/(p+1/p) + p/(p+1)."""
    one, other = strengths(2, [(0, 1, 1.0)])
    p = math.exp(one)
    assert one == pytest.approx(-other, abs=1e-4)
    assert p / (p + 1 / p) + p / (p + 1) == pytest.approx(1.5, abs=1e-4)


def test_strength_is_finite_without_a_loss_and_average_without_a_comparison() -> None:
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


@given(
    st.integers(2, 6).flatmap(
        lambda count: st.tuples(
            st.just(count),
            st.lists(
                st.tuples(
                    st.lists(st.integers(0, count - 1), min_size=2, max_size=2, unique=True),
                    st.sampled_from([0.0, 0.3, 0.5, 1.0]),
                ),
                max_size=12,
            ),
        )
    )
)
@settings(max_examples=40, deadline=None)
def test_strengths_are_where_the_likelihood_is_greatest(
    drawn: tuple[int, list[tuple[list[int], float]]],
) -> None:
    """Half a win and half a loss against strength 0 among the games; another optimiser agrees."""
    count, rows = drawn
    games = [(one, other, share) for (one, other), share in rows]

    def surprise(power: np.ndarray) -> float:
        total = 0.5 * (np.logaddexp(0, power) + np.logaddexp(0, -power)).sum()
        for one, other, share in games:
            apart = power[one] - power[other]
            total += share * np.logaddexp(0, -apart) + (1 - share) * np.logaddexp(0, apart)
        return float(total)

    best = minimize(surprise, np.zeros(count), method="BFGS", options={"gtol": 1e-9})
    assert strengths(count, games) == pytest.approx(best.x.tolist(), abs=1e-4)


def test_who_beats_five_others_is_as_strong_as_the_model_says() -> None:
    one, *others = strengths(6, [(0, n, 1.0) for n in range(1, 6)])
    assert len(set(others)) == 1
    assert one - others[0] == pytest.approx(2.457, abs=1e-3)


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
