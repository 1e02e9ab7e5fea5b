"""Battles of judgments against hand arithmetic: position weights, matrix, Elo."""

from __future__ import annotations

import math
import random

import pytest

from rlaif.judging.battles import Battle, battle_matrix, position_weights, ranked
from rlaif.judging.bradley_terry import strengths_by_wins


def test_a_place_that_wins_three_of_four_counts_a_quarter_and_the_other_three_quarters() -> None:
    battles = [Battle(0, 1, "first")] * 3 + [Battle(1, 0, "second")]
    assert position_weights(battles) == (0.25, 0.75)
    # w1 x 3 = w2 x 1: either place wins half of the weight
    assert 3 * 0.25 == 1 * 0.75


def test_ties_and_unreadable_battles_decide_no_weight() -> None:
    assert position_weights([Battle(0, 1, "tie"), Battle(1, 0, "unreadable")]) == (0.5, 0.5)
    assert position_weights([Battle(0, 1, "first"), Battle(1, 0, "unreadable")]) == (0.0, 1.0)


def test_the_matrix_adds_the_weight_of_the_place_in_which_a_judgment_has_won() -> None:
    battles = [Battle(0, 1, "first"), Battle(1, 0, "second"), Battle(0, 2, "second"), Battle(1, 2, "tie")]
    # 0 beats 1 shown first (w1) and shown second (w2); 2 beats 0 shown second
    assert battle_matrix(3, battles, (0.25, 0.75)) == [[0, 1.0, 0], [0, 0, 0], [0.75, 0, 0]]


def test_the_elo_of_two_is_the_log_odds_of_their_wins() -> None:
    # the maximum of 3 log s(d) + 1 log s(-d) is d = log 3
    found = strengths_by_wins([[0, 3], [1, 0]], ghost=1e-6)
    assert found[0] - found[1] == pytest.approx(math.log(3), abs=1e-4)


def test_the_elo_is_where_the_likelihood_of_the_matrix_is_greatest() -> None:
    rng = random.Random(3)
    won = [[0.0 if i == j else rng.random() for j in range(4)] for i in range(4)]

    def likelihood(elo: list[float]) -> float:
        own = [(i, j) for i in range(4) for j in range(4) if i != j]
        games = sum(won[i][j] * -math.log1p(math.exp(elo[j] - elo[i])) for i, j in own)
        ghost = sum(0.5 * (-math.log1p(math.exp(-each)) - math.log1p(math.exp(each))) for each in elo)
        return games + ghost

    best = strengths_by_wins(won)
    for place in range(4):
        for step in (-1e-2, 1e-2):
            other = [each + step * (number == place) for number, each in enumerate(best)]
            assert likelihood(other) < likelihood(best)


def test_of_equal_judgments_the_shortest_is_the_best_and_the_longest_the_worst() -> None:
    battles = [Battle(0, 2, "first"), Battle(1, 2, "first"), Battle(0, 3, "first"), Battle(1, 3, "first")]
    order = ranked(["long one", "short", "bad", "bad, and long"], battles, (0.5, 0.5))
    assert order is not None
    assert (order.best, order.worst) == (1, 3)


def test_judgments_that_nothing_tells_apart_make_no_pair() -> None:
    assert ranked(["a", "b"], [Battle(0, 1, "tie"), Battle(1, 0, "unreadable")], (0.5, 0.5)) is None
