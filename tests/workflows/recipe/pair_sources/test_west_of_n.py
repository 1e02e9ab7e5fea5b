"""West-of-N's double filter: quantiles by hand, sure and likely pairs alone are kept, no likelihood is no number."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.errors import RecipeError
from rlaif.records import Message, Pair
from rlaif.workflows.recipe.pair_sources.west_of_n import filtered, quantile
from rlaif.workflows.recipe.prepare import prepare_recipe
from tests.workflows.conftest import GREETS
from tests.workflows.recipe.playing import config, made, planned_calls, play


def pair(label: float, name: str) -> Pair:
    turns = [(Message(role="assistant", content=f"{name}{n}"),) for n in range(2)]
    return Pair(
        prompt=(Message(role="user", content="?"),), chosen=turns[0], rejected=turns[1], label_prob=label
    )


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.5, 2.5), (0.25, 1.75), (1.0, 4.0), (1 / 3, 2.0)])
def test_a_quantile_lies_between_its_neighbours_by_proportion(share: float, value: float) -> None:
    assert quantile([4.0, 1.0, 3.0, 2.0], share) == pytest.approx(value)


def test_both_filters_must_let_a_pair_through() -> None:
    pairs = [pair(label, name) for label, name in ((0.6, "a"), (0.9, "b"), (0.8, "c"), (0.95, "d"))]
    likelihoods = [(-1.0, -1.0), (-9.0, -2.0), (-3.0, -4.0), (-2.0, -2.0)]
    # the median label is .85; the first quartile of the eight likelihoods -9 -4 -3 -2 -2 -2 -1 -1 is -3.25
    kept, why = filtered(pairs, likelihoods, 0.5, 0.25)
    assert [each.label_prob for each in kept] == [0.95]
    assert why == {"below sure": 2, "below likely": 1}


def test_a_side_without_likelihood_is_counted_and_never_a_number() -> None:
    pairs = [pair(0.9, "a"), pair(0.7, "b")]
    kept, why = filtered(pairs, [(None, -1.0), (-2.0, -3.0)], 0.0, 0.1)
    assert [each.label_prob for each in kept] == [pytest.approx(0.7)] or why == {
        "no likelihood": 1,
        "below likely": 1,
    }
    assert why["no likelihood"] == 1
    assert len(filtered(pairs, [(None, None), (None, None)], 0.0, 0.0)[0]) == 2


STEPS = """
step: sample, n: 2, prompts: 4
step: judge
step: pairs, source: west-of-n, likely: {likely}, sure: 0
"""


def test_the_best_stands_over_the_worst_and_likelihoods_come_from_the_policy(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    done = play(tmp_path / "a", STEPS.format(likely=0), **world)
    assert {each.chosen[0].content for each in made(done)} == {GREETS}
    assert planned_calls(tmp_path / "b", STEPS.format(likely=0), **world) == done.calls["new"]


@pytest.mark.parametrize("name", ["openai:http://127.0.0.1:9/v1?logprobs=0#m"])
def test_a_policy_without_log_probabilities_is_refused_by_name(
    tmp_path: Path, judge: str, prompts: Path, constitution: Path, name: str
) -> None:
    world = {"policy": name, "judge": judge, "prompts": prompts, "constitution": constitution}
    with pytest.raises(RecipeError, match=r"recipe.yaml:9: model openai:.* tells no log-probabilities"):
        prepare_recipe(config(tmp_path / "a", STEPS.format(likely=0.2), **world))  # type: ignore[arg-type]
    prepare_recipe(config(tmp_path / "b", STEPS.format(likely=0), **world))  # type: ignore[arg-type]
