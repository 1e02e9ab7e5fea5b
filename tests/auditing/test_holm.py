from __future__ import annotations

import pytest

from rlaif.auditing.holm import holm


def test_the_smallest_chance_counts_as_often_as_there_are_tests_the_next_one_once_less() -> None:
    found = holm({"a": 0.01, "b": 0.04, "c": 0.02})
    assert found == pytest.approx({"a": 0.03, "b": 0.04, "c": 0.04})


def test_no_chance_counts_less_than_a_smaller_one_and_none_is_above_one() -> None:
    found = holm({"a": 0.3, "b": 0.31, "c": 0.9})
    assert found == pytest.approx({"a": 0.9, "b": 0.9, "c": 0.9})
    assert holm({"a": 0.6, "b": 0.7})["a"] == 1.0


def test_one_test_alone_is_not_corrected() -> None:
    assert holm({"a": 0.04}) == {"a": 0.04}
