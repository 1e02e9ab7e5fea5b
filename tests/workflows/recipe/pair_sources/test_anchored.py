"""The source `anchored`: the best of the newest policy over the worst of the first; two judgments must be named."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.errors import RecipeError
from rlaif.workflows.recipe.prepare import prepare_recipe
from tests.workflows.conftest import GREETS, SILENT, Write
from tests.workflows.recipe.playing import config, made, planned_calls, play

STEPS = """
step: sample, n: 1, prompts: 3, as: new
step: judge, as: rated
step: sample, n: 1, prompts: 3, system: bad, as: old
step: judge, as: rated-old
step: pairs, source: anchored, of: [{names}], then: {then}
"""


@pytest.fixture
def policy(script: Write) -> str:
    """Greets, unless the system turn of the older draws is there."""
    rows = [{"contains": ["bad response"], "texts": [SILENT]}, {"contains": [], "texts": [GREETS]}]
    return script("policy", rows)


def test_the_best_of_the_first_named_stands_over_the_worst_of_the_second(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    steps = STEPS.format(names="rated, rated-old", then="compare")
    done = play(tmp_path / "a", steps, **world)
    found = made(done)
    assert [(each.chosen[0].content, each.rejected[0].content) for each in found] == [(GREETS, SILENT)] * 3
    assert all(each.score_gap == pytest.approx(0.7) for each in found)
    assert planned_calls(tmp_path / "b", steps, **world) == done.calls["new"]


def test_nothing_is_chosen_that_the_judge_likes_less(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    done = play(tmp_path / "a", STEPS.format(names="rated-old, rated", then="none"), **world)
    assert made(done) == []
    assert "not better 3" in str(done.unmet)


def test_one_policys_judgments_alone_are_refused(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    with pytest.raises(RecipeError, match=r"recipe.yaml:11: .* `of` names 1"):
        prepare_recipe(config(tmp_path / "a", STEPS.format(names="rated", then="compare"), **world))  # type: ignore[arg-type]
