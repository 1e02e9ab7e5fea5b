"""Answers alone against comparisons, slipped rows and judges of prompts, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rlaif.auditing.evidence import PairLabels
from rlaif.auditing.pointwise import best_shift, opposed, pointwise_figures
from rlaif.auditing.verdicts import verdicts

from .small import evidence, value

PROMPTS = [0, 0, 1, 1]


def test_comparisons_for_the_side_that_looked_better_are_counted() -> None:
    held = evidence(
        PROMPTS,
        pointwise=[(0, 0, 0.9), (1, 0, 0.1), (2, 0, 0.8), (3, 0, 0.3)],
        said=[(0, 1, 0, 0.9), (1, 0, 0, 0.1), (2, 3, 0, 0.2), (3, 2, 0, 0.8)],
    )
    found = pointwise_figures(held, verdicts(held))
    assert value(found, "looks_agree") == 0.5
    assert value(found, "looks_agree:rule-0") == 0.5


def test_answers_that_look_alike_are_held_against_no_principle() -> None:
    held = evidence(
        PROMPTS,
        pointwise=[(0, 0, 0.9), (1, 0, 0.1), (2, 0, 0.5), (3, 0, 0.6)],
        said=[(0, 1, 0, 0.9), (1, 0, 0, 0.1), (2, 3, 0, 0.9), (3, 2, 0, 0.1)],
    )
    found = pointwise_figures(held, verdicts(held))
    assert value(found, "looks_agree:rule-0") == 1.0
    assert found["looks_agree:rule-0"].prompts == 1


@pytest.mark.parametrize(
    ("values", "kappa"),
    [
        # all answers to a prompt alike, half the prompts good: agreement 1, chance 1/2
        ([0.9, 0.9, 0.1, 0.1], 1.0),
        # one of each to every prompt: agreement 0, chance 1/2
        ([0.9, 0.1, 0.9, 0.1], -1.0),
    ],
)
def test_a_judge_of_prompts_grades_all_answers_alike(values: list[float], kappa: float) -> None:
    held = evidence(PROMPTS, pointwise=[(place, 0, p) for place, p in enumerate(values)])
    assert value(pointwise_figures(held, verdicts(held)), "prompt_decides") == pytest.approx(kappa)


def test_rows_that_slipped_by_one_fit_their_neighbours() -> None:
    random = np.random.default_rng(0)
    truth = random.random(120)
    prompt_of = [place // 2 for place in range(120)]
    said = [
        row
        for one in range(0, 120, 2)
        for p in [0.9 if truth[one] > truth[one + 1] else 0.1]
        for row in ((one, one + 1, 0, p), (one + 1, one, 0, 1 - p))
    ]
    # what belongs to a row stands one row further down
    slipped = np.roll(truth, 1)
    held = evidence(prompt_of, pointwise=[(n, 0, float(p)) for n, p in enumerate(slipped)], said=said)
    shift = best_shift(held, verdicts(held))
    assert shift is not None
    assert shift.rows == 1
    assert value({"it": shift.tally}, "it") > 0.95


def test_a_chosen_side_with_the_lower_score_is_counted_and_none_is_no_score() -> None:
    held = evidence(PROMPTS, labels=[(0, 1, 0.9), (2, 3, 0.9), (1, 0, 0.6)])
    labels = held.labels
    scored = PairLabels(
        ids=labels.ids, chosen=labels.chosen, rejected=labels.rejected, probability=labels.probability,
        chosen_score=np.asarray([1.0, 2.0, np.nan]), rejected_score=np.asarray([2.0, 1.0, 0.0]),
        decided=labels.decided, round=labels.round,
    )  # fmt: skip
    assert value({"it": opposed(replace(held, labels=scored))}, "it") == 0.5
