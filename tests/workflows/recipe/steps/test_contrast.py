"""The step `contrast`: both sides of each prompt, kept with the prompt as it was, saying which they are and by what."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from rlaif.errors import RecipeError
from rlaif.workflows.recipe.prepare import prepare_recipe
from tests.workflows.conftest import GREETS, SILENT, Write
from tests.workflows.recipe.playing import config, drawn, made, planned_calls, play

STEPS = """
step: contrast, affixes: good-bad, prompts: 4
step: pairs, source: sides, label: 0.9
"""


@pytest.fixture
def policy(script: Write) -> str:
    """Greets when it is told to do well."""
    return script(
        "policy",
        [{"contains": ["Give a good response."], "texts": [GREETS]}, {"contains": [], "texts": [SILENT]}],
    )


def test_the_good_side_is_chosen_and_no_judge_is_asked(
    tmp_path: Path, policy: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": policy, "judge": "random:0", "prompts": prompts, "constitution": constitution}
    done = play(tmp_path / "a", STEPS, **world)
    found = drawn(done, "contrast")
    assert Counter((each.origin.side, each.text) for _, each in found if each.origin) == {
        ("good", GREETS): 4,
        ("bad", SILENT): 4,
    }
    assert {each.origin.note for _, each in found if each.origin} == {
        "Give a good response.",
        "Give a bad response.",
    }
    # kept with the prompt as it was
    assert all([turn.role for turn in prompt.messages] == ["user"] for prompt, _ in found)
    pairs = made(done)
    assert [(each.chosen[0].content, each.label_prob) for each in pairs] == [(GREETS, 0.9)] * 4
    assert done.calls["new"] == planned_calls(tmp_path / "b", STEPS, **world) == 8


def test_further_draws_of_a_prompt_take_other_instructions(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    done = play(
        tmp_path / "a",
        "step: contrast, affixes: harmless, n: 3, prompts: 2, place: user",
        policy=policy,
        judge=judge,
        prompts=prompts,
        constitution=constitution,
    )
    notes = Counter(each.origin.note for _, each in drawn(done, "contrast")[:6] if each.origin)
    assert set(notes.values()) == {1}


def test_a_list_that_there_is_not_is_refused_before_anything_is_asked(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    with pytest.raises(RecipeError, match=r"recipe.yaml:7: affixes: no list 'kind'"):
        prepare_recipe(config(tmp_path / "a", "step: contrast, affixes: kind", **world))  # type: ignore[arg-type]
