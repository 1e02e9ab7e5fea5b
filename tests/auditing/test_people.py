"""Labels against people and gold, by hand; the figures with intervals against plain counting."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from rlaif.auditing.agreement import cohen, fleiss, krippendorff
from rlaif.auditing.calibration import brier, calibration_error
from rlaif.auditing.evidence import Evidence, Rationale, Vote
from rlaif.auditing.people import people_figures, raters, reliability
from rlaif.auditing.raters import rater_figures
from rlaif.auditing.truth import truth_figures

from .small import evidence, value

LABELS = [(0, 1, 0.9), (3, 2, 0.8), (4, 5, 0.6)]


def voted(*votes: tuple[int, bool, str], **more: Any) -> Evidence:
    held = [Vote(pair=pair, agrees=agrees, by=by) for pair, agrees, by in votes]
    return evidence([0, 0, 1, 1, 2, 2], labels=LABELS, votes=held, **more)


def test_votes_for_the_chosen_side_and_how_much_surer_labels_are() -> None:
    found = people_figures(voted((0, True, "ann"), (1, False, "ann"), (2, True, "ann")))
    assert value(found, "people_agree") == pytest.approx(2 / 3)
    assert value(found, "overconfident") == pytest.approx((0.9 + 0.8 + 0.6) / 3 - 2 / 3)


def test_gold_that_cannot_tell_sides_apart_is_no_gold() -> None:
    gold = np.asarray([1.0, 0.5, 1.0, 0.0, 0.7, 0.7])
    found = people_figures(evidence([0, 0, 1, 1, 2, 2], labels=LABELS, gold=gold))
    assert value(found, "gold_agree") == 0.5
    assert found["gold_agree"].prompts == 2


def test_questions_put_twice_and_prose_against_its_verdict() -> None:
    held = voted(
        repeats=[(0, 0.9, 0.8), (1, 0.9, 0.2), (2, 0.1, 0.2), (2, 0.6, 0.4)],
        rationales=[
            Rationale(prompt=0, text="Response A is better.", first=True),
            Rationale(prompt=1, text="Response A is better.", first=False),
            Rationale(prompt=2, text="Hard to say.", first=False),
        ],
    )
    found = people_figures(held)
    assert value(found, "retest_differs") == 0.5
    assert value(found, "rationale_contradicts") == 0.5


VOTES = some.lists(
    some.tuples(some.integers(0, 2), some.booleans(), some.sampled_from(["ann", "ben", "eve"])),
    min_size=1,
    max_size=12,
    unique_by=lambda each: (each[0], each[2]),
)


@given(VOTES)
def test_kappas_of_sums_are_those_of_plain_counting(votes: list[tuple[int, bool, str]]) -> None:
    held = voted(*votes)
    figures = {name: value(tally, name) for name, tally in rater_figures(held).items()}
    # the first and the last pair have the chosen side first by id, the middle one has not
    first = {0: True, 1: False, 2: True}
    by_name = {
        name: {p: agrees == first[p] for p, agrees, by in votes if by == name}
        for name in ("ann", "ben", "eve")
    }
    for name, said in by_name.items():
        if said:
            plain = cohen(list(said.values()), [first[pair] for pair in said])
            assert figures[f"kappa:{name}"] == pytest.approx(
                plain if plain is not None else np.nan, nan_ok=True
            )
    rows = [[by_name[name].get(pair) for name in by_name] for pair in range(3)]
    several = [row for row in rows if sum(each is not None for each in row) > 1]
    if several:
        counts = [Counter(each for each in row if each is not None) for row in several]
        for name, plain in (("fleiss", fleiss(counts)), ("krippendorff", krippendorff(rows))):
            assert figures[name] == pytest.approx(plain if plain is not None else np.nan, nan_ok=True)
    assert raters(held)["krippendorff"] == krippendorff(rows)


@given(some.lists(some.tuples(some.floats(0, 1), some.booleans()), min_size=1, max_size=30))
def test_calibration_of_sums_is_that_of_plain_counting(said: list[tuple[float, bool]]) -> None:
    count = len(said)
    labels = [(2 * n, 2 * n + 1, p) for n, (p, _) in enumerate(said)]
    votes = [Vote(pair=n, agrees=right, by="ann") for n, (_, right) in enumerate(said)]
    held = evidence([n // 2 for n in range(2 * count)], labels=labels, votes=votes)
    found = truth_figures(held, {})
    forecasts = reliability(held)
    assert value(found, "calibration_error") == pytest.approx(calibration_error(forecasts))
    assert value(found, "brier") == pytest.approx(brier(forecasts))


def test_what_a_trivial_judge_would_get_of_the_truth() -> None:
    held = voted((0, True, "ann"), (1, False, "ann"), (2, True, "ann"))
    words = np.asarray([9.0, 2.0, 5.0, 7.0, 4.0, 4.0])
    # pair 0: the longer is chosen and better; pair 1: the longer is chosen and worse; pair 2: as long
    assert value(truth_figures(held, {"length": words}), "truth_more:length") == 0.5
