"""Figures of a round stand over what could be read, and say over how much."""

from __future__ import annotations

import pytest

from rlaif.records import State
from rlaif.workflows.evaluation.policy_metrics import asked_of, judge_mean, judge_read, read
from tests.judging.builders import judged


def test_a_mean_over_other_principles_is_left_out_and_counted() -> None:
    said = [
        judged(("x",), "easy", 0.9),
        judged(("x",), "hard", 0.1),
        judged(("y",), "easy", 0.8),
        judged(("y",), "hard", None, state=State.UNREADABLE),
        judged(("z",), "easy", 0.7),
        judged(("z",), "hard", None, state=State.ABSTAIN),
    ]
    readings, asked = read(said), asked_of(said)
    # y would come to .8 without the hard principle
    assert judge_mean(readings, asked) == pytest.approx((0.5 + 0.7) / 2)
    assert judge_read(readings, asked) == pytest.approx(4 / 5)


def test_nothing_read_is_no_figure() -> None:
    said = [judged(("x",), "easy", None, state=State.TRANSPORT)]
    assert judge_mean(read(said), asked_of(said)) is None
    assert judge_read(read(said), asked_of(said)) == 0.0
    assert judge_read({}, {}) is None
