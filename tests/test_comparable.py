"""Means are compared over the same questions, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.comparable import levels

shares = st.floats(-5, 5).map(lambda each: round(each, 3))


def test_where_all_was_read_it_is_the_weighted_mean() -> None:
    found = levels({"x": {"a": 1.0, "b": 0.5}, "y": {"a": 0.2, "b": 0.4}}, {"a": 1.0, "b": 3.0})
    assert found == {"x": pytest.approx(2.5 / 4), "y": pytest.approx(1.4 / 4)}


def test_a_question_answered_for_one_row_only_makes_it_no_better_and_no_worse() -> None:
    easy_and_hard = {"x": {"a": 0.95, "b": 0.9, "c": 0.1, "d": 0.1}, "y": {"a": 0.9, "b": 0.85}}
    found = levels(easy_and_hard)
    assert found["x"] == pytest.approx(0.5125)
    assert found["x"] - found["y"] == pytest.approx(0.05)


@given(
    rows=st.lists(shares, min_size=2, max_size=6),
    questions=st.lists(shares, min_size=2, max_size=5),
    missing=st.sets(st.tuples(st.integers(0, 5), st.integers(1, 4))),
)
def test_rows_that_differ_alike_in_every_question_differ_by_just_that(
    rows: list[float], questions: list[float], missing: set[tuple[int, int]]
) -> None:
    # the first question is always read, so that all are connected
    cells = {
        str(r): {str(q): row + question for q, question in enumerate(questions) if (r, q) not in missing}
        for r, row in enumerate(rows)
    }
    found = levels(cells)
    for r, row in enumerate(rows):
        assert found[str(r)] - found["0"] == pytest.approx(row - rows[0], abs=1e-6)


def test_rows_that_share_no_question_are_not_compared() -> None:
    cells = {"x": {"a": 0.9}, "y": {"a": 0.8}, "z": {"b": 0.1}}
    assert levels(cells) == {"x": 0.9, "y": 0.8}
    assert levels({"x": {}, "y": {"a": 1.0}}) == {"y": 1.0}
    assert levels({}) == {}


def test_a_question_without_weight_connects_nobody() -> None:
    assert set(levels({"x": {"a": 1.0, "b": 1.0}, "y": {"b": 0.5}}, {"a": 1.0, "b": 0.0})) == {"x"}
