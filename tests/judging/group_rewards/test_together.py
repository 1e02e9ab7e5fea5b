"""Several numbers as one: levels of what is missing, products, ensembles, conditions. Against hand arithmetic."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.judging.group_rewards.together import (
    Together,
    combined_alone,
    conditioned,
    levelled,
    normalised,
    scale_of_totals,
    totals,
    usual_floor,
)
from rlaif.judging.scales import REWARD, Scale

NUMBER = st.floats(-10, 10, allow_nan=False)
MAYBE = st.one_of(st.none(), NUMBER)


@st.composite
def steps(draw: st.DrawFn) -> tuple[list[list[float | None]], list[float], list[int]]:
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    count = draw(st.integers(1, 3))
    columns = [draw(st.lists(MAYBE, min_size=sum(sizes), max_size=sum(sizes))) for _ in range(count)]
    return columns, draw(st.lists(st.floats(-2, 2), min_size=count, max_size=count)), sizes


def test_a_sum_is_that_of_weight_times_number() -> None:
    assert totals([[1.0, 2.0], [3.0, 4.0]], [0.5, -1.0], [2], "sum", 0.5) == [-2.5, -3.0]


def test_a_missing_addend_has_the_level_of_its_group_else_of_the_step() -> None:
    columns = [[1.0, 1.0, 1.0, 1.0], [4.0, None, None, None]]
    assert levelled(columns, [2, 2]) == [[1.0] * 4, [4.0] * 4]
    columns = [[1.0, 1.0, 1.0, 1.0, 1.0], [4.0, 8.0, None, 1.0, None]]
    assert totals(columns, [1.0, 1.0], [3, 2], "sum", 0.5) == [5.0, 9.0, 7.0, 2.0, 2.0]


def test_what_nobody_was_read_of_adds_to_nobody_and_without_any_addend_there_is_no_total() -> None:
    assert totals([[1.0, 2.0], [None, None]], [1.0, 3.0], [2], "sum", 0.5) == [1.0, 2.0]
    assert totals([[None, 2.0], [None, 1.0]], [1.0, 1.0], [2], "sum", 0.5) == [None, 3.0]
    assert totals([[None, 2.0], [5.0, 1.0]], [1.0, 0.0], [2], "sum", 0.5) == [None, 2.0]


@settings(max_examples=100, deadline=None)
@given(steps(), st.integers(0, 2), st.floats(-5, 5))
def test_the_level_of_a_component_tells_nothing_between_siblings_whatever_is_missing(
    step: tuple[list[list[float | None]], list[float], list[int]], which: int, shift: float
) -> None:
    columns, weights, sizes = step
    which %= len(columns)
    moved = [
        [None if each is None else each + shift for each in column] if place == which else column
        for place, column in enumerate(columns)
    ]
    before = totals(columns, weights, sizes, "sum", 0.5)
    after = totals(moved, weights, sizes, "sum", 0.5)
    assert [each is None for each in before] == [each is None for each in after]
    steps_up = [b - a for a, b in zip(before, after, strict=True) if a is not None and b is not None]
    read_at_all = any(each is not None for each in columns[which])
    assert steps_up == pytest.approx(
        [weights[which] * shift if read_at_all else 0.0] * len(steps_up), abs=1e-9
    )


def test_over_all_failures_of_a_component_a_deviation_keeps_its_direction() -> None:
    truth = [3.0, 1.0, 0.0, 2.0]
    for read in (2, 3):
        sums = [0.0] * 4
        patterns = list(combinations(range(4), read))
        for there in patterns:
            column = [value if place in there else None for place, value in enumerate(truth)]
            found = totals([[0.0] * 4, column], [1.0, 1.0], [4], "sum", 0.5)
            mean = fmean(each for each in found if each is not None)
            sums = [old + (each or 0.0) - mean for old, each in zip(sums, found, strict=True)]
        shares = [total / len(patterns) for total in sums]
        assert shares == pytest.approx([(read - 1) / 3 * (value - fmean(truth)) for value in truth])


def test_a_fault_that_could_not_be_read_is_no_pass() -> None:
    # 1 the fault is there, 0 it is not: at weight -1 a failure that counts 0 would pass
    there, absent, failed = 1.0, 0.0, None
    found = totals([[0.5, 0.5, 0.5], [there, absent, failed]], [1.0, -1.0], [3], "sum", 0.5)
    assert found == [-0.5, 0.5, 0.0]


def test_a_merit_that_could_not_be_read_is_no_fail() -> None:
    assert totals([[0.5, 0.5, 0.5], [1.0, 0.0, None]], [1.0, 1.0], [3], "sum", 0.5) == [1.5, 0.5, 1.0]


@pytest.mark.parametrize(
    ("together", "number"),
    [("mean", 2.0), ("product", 3.0), ("min", 1.0), ("max", 3.0), ("mean-variance", 2.0 - 0.5 * 1.0)],
)
def test_ensembles_are_their_mean_product_least_greatest_or_less_where_they_differ(
    together: Together, number: float
) -> None:
    assert totals([[1.0], [3.0]], [1.0, 1.0], [1], together, 0.5) == [number]


@pytest.mark.parametrize("together", ["product", "min", "max", "mean-variance"])
def test_without_one_member_nothing_is_known_of_them(together: Together) -> None:
    assert totals([[1.0, 1.0], [None, 3.0]], [1.0, 1.0], [2], together, 0.5)[0] is None


def test_help_does_not_buy_back_harm() -> None:
    assert combined_alone([0.0, 100.0], "product", 0.5) == 0.0
    assert combined_alone([0.0, None], "product", 0.5) == 0.0
    assert combined_alone([-2.0, -3.0], "product", 0.5) is None


def test_standardised_numbers_have_mean_0_and_deviation_1_of_what_was_read() -> None:
    found = normalised([1.0, 3.0, None, 7.0, 7.0], [3, 2], "group")
    spread = 2**0.5 + 1e-4
    assert found[:3] == [pytest.approx(-1 / spread), pytest.approx(1 / spread), None]
    assert found[3:] == [0.0, 0.0]
    batch = normalised([1.0, 3.0, None, 5.0], [2, 2], "batch")
    assert batch == [pytest.approx(-2 / 2.0001), 0.0, None, pytest.approx(2 / 2.0001)]
    assert normalised([4.0, None], [1, 1], "group") == [0.0, None]
    assert normalised([4.0, None], [1, 1], "none") == [4.0, None]


def test_whoever_breaks_a_condition_is_below_all_who_break_none() -> None:
    found = conditioned([1.0, -50.0, 3.0, None], [[False, True, True, False]], -10.0)
    assert found == [-50.0, -50.0, 3.0, -50.0]


def test_a_condition_that_could_not_be_read_leaves_no_total_unless_another_one_is_broken() -> None:
    assert conditioned([1.0, 2.0, 3.0], [[None, None, True], [True, False, True]], -1.0) == [None, -1.0, 3.0]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(MAYBE, st.sampled_from([True, False, None])), min_size=1, max_size=6),
    st.floats(-20, 20),
)
def test_no_failure_ever_passes_a_condition(
    rows: list[tuple[float | None, bool | None]], floor: float
) -> None:
    found = conditioned([each for each, _ in rows], [[met for _, met in rows]], floor)
    passed = [each for each, (_, met) in zip(found, rows, strict=True) if met is True and each is not None]
    for each, (_, met) in zip(found, rows, strict=True):
        if met is None:
            assert each is None
        if met is False:
            assert each is not None
            assert all(each <= other for other in passed)


def test_totals_of_bounded_numbers_are_bounded_and_the_usual_floor_lies_as_far_below() -> None:
    unit, wide = Scale(), Scale(lowest=-1.0, highest=3.0)
    assert scale_of_totals([unit, wide], [2.0, -1.0], "sum", 0.5) == Scale(lowest=-3.0, highest=3.0)
    assert scale_of_totals([unit, unit], [1.0, 1.0], "product", 0.5) == Scale()
    assert scale_of_totals([unit, wide], [1.0, 1.0], "min", 0.5) == Scale(lowest=-1.0, highest=1.0)
    assert scale_of_totals([unit, wide], [1.0, 1.0], "max", 0.5) == Scale(lowest=0.0, highest=3.0)
    assert scale_of_totals([unit, wide], [1.0, 1.0], "mean", 0.5) == Scale(lowest=-0.5, highest=2.0)
    assert scale_of_totals([unit, REWARD], [1.0, 1.0], "sum", 0.5) == REWARD
    assert usual_floor(unit) == -1.0
    assert usual_floor(REWARD) is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(-1, 3)), min_size=1, max_size=4),
    st.sampled_from(["sum", "product", "mean", "min", "max", "mean-variance"]),
    st.floats(-2, 2),
)
def test_no_total_leaves_its_scale(
    rows: list[tuple[float, float]], together: Together, weight: float
) -> None:
    if together == "product":
        rows = [(one, abs(other)) for one, other in rows]
    scales = [Scale(), Scale(lowest=0.0 if together == "product" else -1.0, highest=3.0)]
    ends = scale_of_totals(scales, [1.0, weight], together, 0.5)
    assert ends.lowest is not None
    assert ends.highest is not None
    columns = [[one for one, _ in rows], [other for _, other in rows]]
    for each in totals(columns, [1.0, weight], [len(rows)], together, 0.5):
        assert each is not None
        assert ends.lowest - 1e-9 <= each <= ends.highest + 1e-9
