from __future__ import annotations

import math
import random
from itertools import combinations
from statistics import fmean

import pytest

from rlaif.auditing.overoptimisation import (
    GoldCurve,
    best_of_n,
    best_of_n_kl,
    check_best_of_n_kl,
    fit,
    gain,
    peak_of,
    tied_kl,
)


@pytest.mark.parametrize(
    ("n", "kl"), [(1, 0.0), (2, 0.193), (4, 0.636), (8, 1.204), (64, 3.175), (1000, 5.909)]
)
def test_the_kl_of_best_of_n_is_log_n_less_the_share_of_the_others(n: int, kl: float) -> None:
    assert best_of_n_kl(n) == pytest.approx(kl, abs=1e-3)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_best_of_n_is_the_mean_over_all_choices_of_n_draws(n: int) -> None:
    proxies, gold = [0.3, 0.1, 0.9, 0.5, 0.7], [1.0, 0.0, 0.2, 0.8, 0.6]
    by_hand = fmean(
        max((proxies[each], gold[each]) for each in some)[1] for some in combinations(range(5), n)
    )
    assert best_of_n(proxies, gold, n) == pytest.approx(by_hand)


def test_draws_of_one_reward_are_chosen_among_by_chance() -> None:
    # of {0, 1, 1} two are chosen: the best is always one of the two equal ones
    assert best_of_n([0.0, 1.0, 1.0], [5.0, 2.0, 4.0], 2) == pytest.approx(3.0)
    assert best_of_n([1.0, 1.0], [0.0, 1.0], 1) == pytest.approx(0.5)


def test_the_kl_with_ties_is_that_of_the_two_distributions_written_out() -> None:
    # three of four draws have 0, one has 1; best of two: P(1) = 1 - (3/4)^2
    q = 1 - (3 / 4) ** 2
    by_hand = q * math.log(q / 0.25) + (1 - q) * math.log((1 - q) / 0.75)
    assert tied_kl([0, 0, 1, 0], 2) == pytest.approx(by_hand)
    assert tied_kl([1, 1, 1], 8) == 0.0


def test_without_ties_the_formula_is_met_and_ties_are_below_it() -> None:
    rng = random.Random(0)
    smooth = [[rng.random() for _ in range(64)] for _ in range(6)]
    plain = check_best_of_n_kl(smooth, 4)
    assert plain.measured.value == pytest.approx(plain.formula)
    few = [[round(each * 3) for each in group] for group in smooth]
    assert check_best_of_n_kl(few, 4).measured.high < plain.formula


@pytest.mark.parametrize("form", ["best-of-n", "rl"])
def test_a_fit_finds_the_curve_that_the_points_were_made_of(form: str) -> None:
    alpha, beta = 0.4, 0.11
    distances = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
    rng = random.Random(1)
    curves = []
    for _ in range(3):
        bases = [rng.uniform(0.3, 0.7) for _ in range(40)]
        gold = tuple(
            tuple(base + gain(form, d, alpha, beta) + (rng.gauss(0, 0.05) if d else 0.0) for base in bases)  # type: ignore[arg-type]
            for d in distances
        )
        curves.append(GoldCurve(distances=distances, gold=gold))
    found = fit(form, curves, resamples=200)  # type: ignore[arg-type]
    assert found is not None
    assert found.alpha.low < alpha < found.alpha.high
    assert found.beta.low < beta < found.beta.high
    assert found.r2 > 0.9
    assert found.falling == 1.0
    at, high = peak_of(form, alpha, beta) or (0.0, 0.0)  # type: ignore[arg-type]
    assert found.peak_distance is not None
    assert found.peak is not None
    assert found.peak_distance.value == pytest.approx(at, rel=0.15)
    assert found.peak.value == pytest.approx(high, rel=0.15)


@pytest.mark.parametrize("form", ["best-of-n", "rl"])
def test_the_peak_is_where_the_curve_is_highest(form: str) -> None:
    at, high = peak_of(form, 0.5, 0.2) or (0.0, 0.0)  # type: ignore[arg-type]
    sampled = max((gain(form, step / 1000, 0.5, 0.2), step / 1000) for step in range(1, 20_000))  # type: ignore[arg-type]
    assert high == pytest.approx(sampled[0], abs=1e-6)
    assert at == pytest.approx(sampled[1], abs=2e-3)


def test_a_curve_that_only_rises_has_no_peak() -> None:
    assert peak_of("best-of-n", 0.5, 0.0) is None
    assert peak_of("rl", 0.5, -0.1) is None


def test_too_few_points_are_not_fitted() -> None:
    assert fit("rl", [GoldCurve(distances=(0.0, 1.0, 2.0), gold=((0.5,), (0.6,), (0.7,)))]) is None
    assert fit("rl", []) is None
