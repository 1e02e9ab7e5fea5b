"""Intervals: what they cover, and that whole prompts are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from rlaif.auditing.resample import Tally, estimate, ratio, share


def test_a_share_is_hits_by_trials_over_all_prompts() -> None:
    tally = share(np.asarray([0, 0, 1, 2]), 3, np.asarray([1.0, 0.0, 1.0, np.nan]))
    (found,) = estimate({"x": tally}).values()
    assert found.value == pytest.approx(2 / 3)
    assert found.prompts == 2


def test_figures_of_nothing_are_left_out() -> None:
    empty = share(np.asarray([], dtype=int), 3, np.asarray([]))
    assert estimate({"x": empty, "y": share(np.asarray([0]), 3, np.asarray([np.nan]))}) == {}


def test_no_hit_in_forty_prompts_is_not_surely_none() -> None:
    found = estimate({"x": share(np.arange(40), 40, np.zeros(40))})["x"]
    assert (found.value, found.low) == (0.0, 0.0)
    assert 0.05 < found.high < 0.12
    assert found.error > 0


def test_rows_of_one_prompt_are_no_independent_evidence() -> None:
    random = np.random.default_rng(0)
    truth = (random.random(50) < 0.5).astype(float)
    once = estimate({"x": share(np.arange(50), 50, truth)})["x"]
    often = estimate({"x": share(np.repeat(np.arange(50), 20), 50, np.repeat(truth, 20))})["x"]
    assert often.error == pytest.approx(once.error, rel=1e-9)


def test_intervals_cover_the_truth_in_ninety_five_of_a_hundred() -> None:
    random = np.random.default_rng(1)
    inside = 0
    for trial in range(200):
        rate = random.beta(4, 4, 120)
        hits = random.random((120, 5)) < rate[:, None]
        tally = share(np.repeat(np.arange(120), 5), 120, hits.ravel().astype(float))
        found = estimate({"x": tally}, resamples=400, seed=trial)["x"]
        inside += found.low <= 0.5 <= found.high
    assert 0.90 <= inside / 200 <= 0.99


def test_all_figures_see_the_same_draws() -> None:
    random = np.random.default_rng(2)
    sums = np.stack([random.random(60), np.ones(60)], axis=1)
    both = estimate({"x": Tally(sums, ratio, 60), "y": Tally(1 - sums + [[0, 1]], ratio, 60)})
    # y = 1 - x prompt by prompt, so that their errors are the same number
    assert both["x"].error == pytest.approx(both["y"].error)


def test_many_prompts_are_drawn_in_parts_with_the_same_result() -> None:
    import rlaif.auditing.resample as module

    tally = share(np.arange(300), 300, (np.arange(300) % 3 == 0).astype(float))
    whole = estimate({"x": tally})["x"]
    module_cells = module._CELLS
    try:
        module._CELLS = 30_000
        parts = estimate({"x": tally})["x"]
    finally:
        module._CELLS = module_cells
    assert parts.value == whole.value
    assert parts.error == pytest.approx(whole.error, rel=0.1)
