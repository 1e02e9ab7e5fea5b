"""The Bradley-Terry table of policies: hand arithmetic, another algorithm's maximum, and planted strengths."""

from __future__ import annotations

import math
import random

import pytest

from rlaif.auditing.strengths import ELO, Game, strengths_of


def games(one: int, other: int, outcomes: str) -> list[Game]:
    value = {"w": 1.0, "l": 0.0, "e": 0.5}
    return [Game(f"p{place}", one, other, value[each], 0.0) for place, each in enumerate(outcomes)]


def test_the_strength_of_two_policies_is_the_log_odds_with_half_a_win_more_on_both_sides() -> None:
    # 6 wins, 2 losses, 2 even games: 7 to 3; with half a win each 7.5 to 3.5
    first, second = strengths_of(games(1, 0, "wwwwwwllee"), 2)
    assert (first.value, first.elo) == (0.0, 0.0)
    assert second.value == pytest.approx(math.log(7.5 / 3.5), abs=1e-6)
    assert second.elo == pytest.approx(ELO * math.log(7.5 / 3.5), abs=1e-4)
    assert second.low < second.value < second.high
    # all answers were as long
    assert second.at_equal_length == pytest.approx(second.value, abs=1e-6)


def test_who_won_every_game_is_strong_and_not_infinitely_so() -> None:
    _, second = strengths_of(games(1, 0, "w" * 20), 2)
    assert second.value == pytest.approx(math.log(20.5 / 0.5), abs=1e-6)


def _by_minorisation(won: list[list[float]]) -> list[float]:
    """Hunter's MM iteration (2004), which is another way to the same maximum: p_i = W_i / sum_j n_ij / (p_i + p_j)."""
    count = len(won)
    power = [1.0] * count
    for _ in range(20_000):
        power = [
            sum(won[i]) / sum((won[i][j] + won[j][i]) / (power[i] + power[j]) for j in range(count) if j != i)
            for i in range(count)
        ]
        power = [each / power[0] for each in power]
    return [math.log(each) for each in power]


def test_strengths_are_the_maximum_that_minorisation_finds() -> None:
    draw = random.Random(3)
    played, won = [], [[0.0] * 4 for _ in range(4)]
    for one in range(4):
        for other in range(one):
            won[one][other] += 0.5
            won[other][one] += 0.5
            for place in range(draw.randrange(8, 20)):
                result = draw.choice([0.0, 0.5, 1.0, 1.0])
                played.append(Game(f"p{place}", one, other, result, 0.0))
                won[one][other] += result
                won[other][one] += 1 - result
    expected = _by_minorisation(won)
    assert [each.value for each in strengths_of(played, 4)] == pytest.approx(expected, abs=1e-6)


def test_a_policy_that_wins_by_length_alone_is_no_stronger_at_equal_length() -> None:
    draw = random.Random(0)
    played = []
    for place in range(1500):
        # the later policy writes more, and the judge likes length; of two that are as long it likes policy 2
        for one, other, better in ((1, 0, 0.0), (2, 0, 0.8), (2, 1, 0.8)):
            longer = draw.gauss(12 if other == 0 else 0, 20)
            chance = 1 / (1 + math.exp(-(better + 1.5 * math.tanh(longer / 20))))
            played.append(Game(f"p{place}", one, other, float(draw.random() < chance), longer))
    _, first, second = strengths_of(played, 3)
    assert first.low > 0.2
    assert first.equal_low < 0.0 < first.equal_high
    assert second.equal_low < 0.8 < second.equal_high


def test_the_interval_holds_the_planted_strength_in_about_nineteen_of_twenty_worlds() -> None:
    draw, held, worlds = random.Random(1), 0, 150
    for _ in range(worlds):
        played = []
        for place in range(60):
            shift = draw.gauss(0, 0.5)  # a prompt on which the later policies are better, or worse
            for one, other, apart in ((1, 0, 0.7), (2, 0, 0.7), (2, 1, 0.0)):
                chance = 1 / (1 + math.exp(-(apart + (shift if other == 0 else 0.0))))
                played.append(Game(f"p{place}", one, other, float(draw.random() < chance), draw.gauss(0, 5)))
        _, first, _ = strengths_of(played, 3, resamples=200)
        # the mean over prompts of the shifted odds lies a little nearer to even than 0.7
        held += first.low < 0.67 < first.high
    assert 0.89 <= held / worlds <= 0.99


@pytest.mark.parametrize(
    ("played", "policies"),
    [([], 2), (games(1, 0, "w"), 2), (games(1, 0, "wl"), 3), (games(0, 0, "ww"), 1)],
)
def test_of_too_few_games_or_policies_there_is_no_table(played: list[Game], policies: int) -> None:
    assert strengths_of(played, policies) == []
