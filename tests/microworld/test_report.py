"""The bundled judge and policy measured on held-out material: what holds of the shipped family."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from rlaif.microworld.bench import BenchComparison, right_both_ways, right_of
from rlaif.microworld.report import pair_accuracy, report
from rlaif.microworld.scenes import make_scene

pytestmark = pytest.mark.heavy

# what the shipped `micro` reaches; docs/microworld.md has the goals beside them
AT_LEAST = {
    ("judge", "pair_accuracy"): 0.94,
    ("judge", "paraphrase_accuracy"): 0.93,
    ("judge", "composed_accuracy"): 0.91,
    ("judge", "order_consistency"): 0.89,
    ("judge", "opposite_flip"): 0.95,
    ("judge", "yesno_accuracy"): 0.93,
    ("judge", "rating_auc"): 0.97,
    ("policy", "in_language"): 0.96,
    ("critic", "right_fault"): 0.90,
    ("reviser", "repaired"): 0.93,
    ("skills", "compare_cot"): 0.91,
    ("skills", "argue"): 0.97,
    ("skills", "meta"): 0.92,
    ("skills", "step"): 0.97,
    ("skills", "respond_good_bad"): 0.97,
    ("skills", "similar_prompt"): 0.80,
}


def test_right_in_both_orders_asks_each_order_for_the_better_text() -> None:
    scene = make_scene(random.Random(0), "all", "howto")
    questions = [
        BenchComparison(scene, "one", "two", "rule", better, "greets") for better in (True, True, True, False)
    ]
    shown = np.array([0.9, 0.9, 0.4, 0.2]), np.array([0.6, 0.4, 0.9, 0.4])
    assert right_both_ways(questions, shown) == [True, False, False, True]
    # the mean of the orders is on the better side in all of them
    assert right_of(questions, shown) == [True, True, True, True]


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    return report("micro", seed=0, prompts=80, per_attribute=24)


@pytest.mark.parametrize(("part", "name"), sorted(AT_LEAST))
def test_the_shipped_family_keeps_its_figures(figures: dict[str, Any], part: str, name: str) -> None:
    assert figures[part][name] >= AT_LEAST[part, name]


def test_the_policy_is_mediocre_and_its_judge_sees_what_it_cannot_yet_do(figures: dict[str, Any]) -> None:
    assert 0.35 <= figures["policy"]["gold_mean"] <= 0.60
    gap = figures["gap"]
    assert gap["mean_of_8"] + 0.1 < gap["judge_best_of_8"] <= gap["oracle_best_of_8"]


def test_a_revision_seldom_loses_another_good_side(figures: dict[str, Any]) -> None:
    assert figures["reviser"]["broke_other"] <= 0.08


def test_longer_does_not_win_the_pairs_it_is_measured_on(figures: dict[str, Any]) -> None:
    assert figures["judge"]["longer_wins"] <= 0.55


def test_the_weak_judge_is_right_in_about_three_pairs_of_four() -> None:
    assert 0.65 <= pair_accuracy("micro:weak") <= 0.80
