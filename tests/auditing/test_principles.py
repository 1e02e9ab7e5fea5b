"""Figures of one principle and of two, by hand."""

from __future__ import annotations

import pytest

from rlaif.auditing.principles import MIN_TOGETHER, principle_figures, principle_rows, together
from rlaif.auditing.resample import estimate

from .small import NONE, evidence, value

PROMPTS = [0, 0, 1, 1]


def said(one: int, other: int, principle: int, p: float) -> list[tuple[int, int, int, float]]:
    """Both orders, alike."""
    return [(one, other, principle, p), (other, one, principle, 1 - p)]


def test_met_wins_and_read_of_a_principle() -> None:
    held = evidence(
        PROMPTS,
        pointwise=[(0, 0, 0.9), (1, 0, 0.2), (2, 0, 0.7), (3, 0, NONE)],
        said=[*said(0, 1, 0, 0.9), *said(2, 3, 0, 0.2)],
        labels=[(0, 1, 0.9), (2, 3, 0.6)],
    )
    found = principle_figures(held)
    assert value(found, "met:rule-0") == pytest.approx(2 / 3)
    # it takes the side of the label in the first pair, and the other in the second
    assert value(found, "wins:rule-0") == 0.5
    assert value(found, "read:rule-0") == pytest.approx(7 / 8)
    (row,) = principle_rows(held, estimate(found))
    assert (row.principle, row.sides) == ("rule-0", 2)
    assert row.met is not None
    assert row.met.low <= row.met.value <= row.met.high


def test_a_faint_principle_takes_no_side() -> None:
    held = evidence(PROMPTS, said=said(0, 1, 0, 0.6), labels=[(0, 1, 0.9)])
    (row,) = principle_rows(held, estimate(principle_figures(held)))
    assert (row.sides, row.wins) == (0, None)


def test_two_principles_agree_where_both_take_a_side() -> None:
    count = MIN_TOGETHER
    twos = [(2 * n, 2 * n + 1) for n in range(count)]
    held = evidence(
        [n // 2 for n in range(2 * count)],
        said=[
            row
            for n, (one, other) in enumerate(twos)
            for row in (*said(one, other, 0, 0.9), *said(one, other, 1, 0.9 if n < 5 else 0.1))
        ],
        labels=[(one, other, 0.9) for one, other in twos],
        principles=3,
    )
    (both,) = together(held, estimate(principle_figures(held)))
    assert (both.one, both.other, both.pairs) == ("rule-0", "rule-1", count)
    assert both.agree.value == pytest.approx(5 / count)
