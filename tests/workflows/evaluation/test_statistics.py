"""Figures of a judge against gold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rlaif.auditing.intervals import Resampling, mean
from rlaif.workflows.evaluation.statistics import accuracy, generator_judge_gap


def test_nothing_has_no_mean() -> None:
    assert mean([]) is None
    assert Resampling(resamples=10).interval([]) is None
    assert accuracy({}, {("c", "p"): True}) is None
    assert generator_judge_gap([[(None, 1.0)]]) is None


def test_a_reading_of_one_half_is_no_yes() -> None:
    assert accuracy({("c", "p"): 0.5}, {("c", "p"): True}) == 0.0


def test_the_gap_is_between_the_mean_and_the_judges_choice() -> None:
    groups = [[(0.9, 1.0), (0.1, 0.0)], [(0.2, 1.0), (0.8, 0.5)]]
    gap = generator_judge_gap(groups)
    assert gap is not None
    assert gap == (pytest.approx(0.625), pytest.approx(0.75), pytest.approx(1.0))


def test_a_draw_that_the_judge_could_not_read_is_never_its_choice() -> None:
    gap = generator_judge_gap([[(None, 1.0), (0.1, 0.0)]])
    assert gap is not None
    assert gap.judge_best == 0.0


@given(some.lists(some.floats(0, 1), min_size=1, max_size=30), some.integers(0, 5))
def test_an_interval_holds_its_mean_and_derives_from_its_seed(values: list[float], seed: int) -> None:
    one, two = (Resampling(resamples=200, seed=seed).interval(values) for _ in range(2))
    assert one is not None
    assert one == two
    assert 0 <= one.low <= one.value <= one.high <= 1
    assert one.low < one.high  # however alike the values are, the next one may be another


def test_an_interval_is_narrower_with_more_prompts() -> None:
    few, many = (Resampling(resamples=500).interval([0.0, 1.0] * count) for count in (10, 200))
    assert few is not None
    assert many is not None
    assert many.high - many.low < few.high - few.low
