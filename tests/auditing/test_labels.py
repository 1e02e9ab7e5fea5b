"""Agreement of labels: against scikit's formula by hand, and within groups."""

from __future__ import annotations

import pytest

from rlaif.auditing.labels import Labelled, accuracy, f1, kappa, kappa_within


def rows(*cells: tuple[str, str, str]) -> list[Labelled]:
    return [Labelled(*each) for each in cells]


def test_kappa_accuracy_and_f1_are_the_values_by_hand() -> None:
    found = rows(("y", "y", ""), ("y", "n", ""), ("n", "n", ""), ("n", "n", ""))
    # agreed 3/4; chance 2/4 * 1/4 + 2/4 * 3/4 = 1/2
    assert kappa(found) == pytest.approx((0.75 - 0.5) / 0.5)
    assert accuracy(found) == 0.75
    assert f1(found, "y") == pytest.approx(2 * 1 / 3)


def test_an_off_set_cell_is_a_class_of_its_own() -> None:
    found = rows(("y", "y", ""), ("I'm sorry", "n", ""), ("n", "n", ""))
    # agreed 2/3; chance 1/3 * 1/3 + 1/3 * 2/3 = 1/3
    assert kappa(found) == pytest.approx((2 / 3 - 1 / 3) / (1 - 1 / 3))


def test_a_judge_that_only_sees_the_prompt_agrees_across_groups_and_not_within() -> None:
    safe = [("y", "y", "safe")] * 9 + [("y", "n", "safe")]
    unsafe = [("n", "n", "unsafe")] * 9 + [("n", "y", "unsafe")]
    found = rows(*safe, *unsafe)
    assert kappa(found) == pytest.approx(0.8)
    assert kappa_within(found) == pytest.approx(0.0)


def test_where_chance_alone_always_agrees_there_is_no_kappa() -> None:
    assert kappa(rows(("y", "y", ""), ("y", "y", ""))) is None
    assert kappa([]) is None
    assert f1(rows(("a", "a", "")), "z") is None
