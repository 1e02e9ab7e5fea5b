"""The Pareto front: by enumeration, and what is on none."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from rlaif.auditing.pareto import dominates, front, mean_of, standard_error


def test_the_front_is_whom_nobody_beats_by_enumeration() -> None:
    draw = random.Random(0)
    for _ in range(50):
        points = {
            str(number): [draw.randint(0, 4), draw.randint(0, 4), draw.randint(0, 4)] for number in range(8)
        }
        by_hand = [
            name
            for name, own in points.items()
            if not any(
                all(a >= b for a, b in zip(other, own, strict=True)) and sum(other) > sum(own)
                for other in points.values()
            )
        ]
        assert front(points) == by_hand


def test_equal_points_are_both_on_the_front() -> None:
    assert front({"a": [1.0, 0.0], "b": [1.0, 0.0], "c": [0.5, 0.0]}) == ["a", "b"]


def test_a_point_with_an_unknown_number_is_on_no_front_and_beats_nobody() -> None:
    assert front({"a": [9.0, None], "b": [1.0, 0.0]}) == ["b"]
    assert not dominates([9.0, None], [1.0, 0.0])


@pytest.mark.parametrize("order", itertools.permutations([(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)]))
def test_the_order_of_points_makes_no_difference(order: tuple[tuple[float, float], ...]) -> None:
    assert len(front({str(number): each for number, each in enumerate(order)})) == 3


def test_means_and_their_errors_are_of_what_there_is() -> None:
    assert (mean_of([]), standard_error([1.0])) == (None, None)
    assert standard_error([1.0, 2.0, 3.0]) == pytest.approx(1 / math.sqrt(3))
