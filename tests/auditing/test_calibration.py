"""Whether a probability means what it says: by hand, and against scipy's minimiser."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from rlaif.auditing.calibration import (
    T_RANGE,
    Forecast,
    bins,
    brier,
    calibration_error,
    fit_temperature,
    folded,
    probability_at_temperature,
)

SAID = st.floats(0.02, 0.98)


def test_two_bins_by_hand() -> None:
    rows = [Forecast(0.9, 1.0), Forecast(0.9, 0.0), Forecast(0.12, 0.0), Forecast(0.18, 0.0)]
    assert [(each.size, round(each.said, 3), each.true) for each in bins(rows)] == [
        (2, 0.15, 0.0),
        (2, 0.9, 0.5),
    ]
    assert calibration_error(rows) == pytest.approx(0.5 * 0.15 + 0.5 * 0.4)
    assert brier(rows) == pytest.approx((0.01 + 0.81 + 0.0144 + 0.0324) / 4)


def test_of_nothing_there_is_no_figure() -> None:
    assert calibration_error([]) is brier([]) is fit_temperature([]) is None


@given(st.lists(st.tuples(SAID, st.booleans()), min_size=1, max_size=20))
def test_a_mirrored_set_says_as_much_of_one_side_as_of_the_other(rows: list[tuple[float, bool]]) -> None:
    mirrored = folded([Forecast(p, float(truth)) for p, truth in rows])
    assert sum(each.p for each in mirrored) == pytest.approx(len(rows))
    assert sum(each.truth for each in mirrored) == len(rows)


@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
def test_the_temperature_of_a_judge_that_is_too_sure_is_found_again(temperature: float) -> None:
    """Truth is drawn with the odds of p at T; so T is what fits, up to sampling."""
    draw = random.Random(0)
    rows = []
    for _ in range(4000):
        p = draw.uniform(0.05, 0.95)
        rows.append(Forecast(p, float(draw.random() < probability_at_temperature(p, temperature))))
    assert fit_temperature(rows) == pytest.approx(temperature, rel=0.15)


@pytest.mark.parametrize("seed", range(5))
def test_the_fit_is_that_of_another_minimiser(seed: int) -> None:
    draw = random.Random(seed)
    rows = [Forecast(draw.uniform(0.1, 0.9), float(draw.random() < 0.5)) for _ in range(20)]
    rows += [Forecast(0.7, 1.0)] * 15

    def surprise(log_t: float) -> float:
        total = 0.0
        for p, truth in rows:
            logit = math.log(p / (1 - p)) / math.exp(log_t)
            total += math.log1p(math.exp(-logit if truth else logit))
        return total

    other = minimize_scalar(surprise, bounds=[math.log(each) for each in T_RANGE], method="bounded")
    assert surprise(math.log(fit_temperature(rows) or 0.0)) <= other.fun + 1e-6


def test_forecasts_that_were_kept_warm_give_the_same_temperature() -> None:
    rows = [(2.0, 1.0), (1.0, 0.0), (3.0, 1.0), (-1.0, 0.0), (0.5, 1.0)]

    def at(temperature: float) -> list[Forecast]:
        return [Forecast(1 / (1 + math.exp(-odds / temperature)), truth) for odds, truth in rows]

    assert fit_temperature(at(8.0), at=8.0) == pytest.approx(fit_temperature(at(1.0)), rel=1e-3)


def test_sure_labels_stay_apart_where_they_are_kept_warm() -> None:
    """Log-odds of 40 and 80 are both 1 at T = 1; one in four is wrong, so that the best T is large."""
    rows = [(40.0, 1.0), (80.0, 1.0), (60.0, 1.0), (60.0, 0.0)]
    warm = [Forecast(1 / (1 + math.exp(-odds / 8)), truth) for odds, truth in rows]
    found = fit_temperature(warm, at=8.0)
    assert found is not None
    assert 40 < found <= T_RANGE[1] + 0.1
