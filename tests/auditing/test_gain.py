"""What choosing by the judge is worth, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rlaif.auditing.gain import gain

from .small import NONE, evidence


def test_the_judges_best_lies_between_the_mean_and_the_oracles_best() -> None:
    held = evidence(
        [0, 0, 0, 1, 1],
        pointwise=[(0, 0, 0.9), (1, 0, 0.2), (2, 0, 0.1), (3, 0, 0.3), (4, 0, 0.8)],
        gold=np.asarray([0.6, 0.9, 0.0, 0.2, 0.8]),
    )
    found = gain(held)
    assert found is not None
    mean, judge, oracle = (0.5 + 0.5) / 2, (0.6 + 0.8) / 2, (0.9 + 0.8) / 2
    assert found.mean.value == pytest.approx(mean)
    assert found.judge_best.value == pytest.approx(judge)
    assert found.oracle_best.value == pytest.approx(oracle)
    assert found.share is not None
    assert found.share.value == pytest.approx((judge - mean) / (oracle - mean))


def test_of_equally_scored_answers_any_may_be_taken() -> None:
    held = evidence([0, 0], pointwise=[(0, 0, 0.5), (1, 0, 0.5)], gold=np.asarray([1.0, 0.0]))
    found = gain(held)
    assert found is not None
    assert found.judge_best.value == found.mean.value == 0.5


def test_without_gold_or_with_one_graded_answer_there_is_none() -> None:
    pointwise = [(0, 0, 0.9), (1, 0, 0.1)]
    assert gain(evidence([0, 0], pointwise=pointwise)) is None
    assert gain(evidence([0, 0], pointwise=pointwise, gold=np.asarray([1.0, NONE]))) is None
    assert gain(evidence([0, 0], gold=np.asarray([1.0, 0.0]))) is None
