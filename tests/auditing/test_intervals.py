"""Intervals: Wilson's against published values, the bootstrap over whole clusters."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from rlaif.auditing.intervals import bootstrap, mean, mean_interval, wilson


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (1, 10), (5, 10), (81, 263), (10, 10)])
def test_wilsons_interval_is_that_of_scipy(hits: int, count: int) -> None:
    found, other = wilson(hits, count), binomtest(hits, count).proportion_ci(method="wilson")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=1e-9)


def test_of_nothing_there_is_no_interval() -> None:
    assert wilson(0, 0) is mean([]) is mean_interval([]) is bootstrap([], lambda _: None, id) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(max_examples=15, deadline=None)
def test_the_interval_holds_the_mean_and_is_the_same_for_the_same_seed(values: list[float]) -> None:
    rows = list(enumerate(values))
    found = mean_interval(rows)
    assert found is not None
    assert found.low - 1e-9 <= found.value <= found.high + 1e-9
    assert found == mean_interval(rows)


def test_copies_of_one_prompt_say_no_more_than_the_prompt() -> None:
    """Four prompts, each asked about ten times: a bootstrap over rows would be three times narrower."""
    few = [(name, float(name < 2)) for name in range(4)]
    many = [row for row in few for _ in range(10)]
    one, other = mean_interval(few), mean_interval(many)
    assert one is not None
    assert other is not None
    assert other.high - other.low == pytest.approx(one.high - one.low)
