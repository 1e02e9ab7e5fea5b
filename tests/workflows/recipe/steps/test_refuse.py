"""The step `refuse`: refusals are good to harmful prompts and bad to their mirror; one side alone is warned of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import RecipeError
from rlaif.workflows.recipe.prepare import prepare_recipe
from tests.workflows.conftest import Write
from tests.workflows.recipe.playing import config, drawn, made, play

STEPS = """
step: refuse, refusals: plain
step: pairs, source: sides
"""


@pytest.fixture
def policy(script: Write) -> str:
    """Answers all but one, which it refuses."""
    return script(
        "policy",
        [
            {"contains": ["harm 0"], "texts": ["I can't help with that."]},
            {"contains": [], "texts": ["Gladly."]},
        ],
    )


def rows(path: Path, harmful: int, benign: int, **more: Any) -> Path:
    found = [{"prompt": f"harm {n}", "tags": ["harmful"]} for n in range(harmful)]
    found += [{"prompt": f"kill a process {n}", "tags": ["benign"]} for n in range(benign)]
    path.write_text("".join(json.dumps({**each, **more}) + "\n" for each in found))
    return path


def test_the_mirror_rejects_what_the_harmful_side_chooses(
    tmp_path: Path, policy: str, judge: str, constitution: Path
) -> None:
    prompts = rows(tmp_path / "p.jsonl", 3, 2)
    done = play(tmp_path / "a", STEPS, policy=policy, judge=judge, prompts=prompts, constitution=constitution)
    found = {each.prompt[0].content: each for each in made(done)}
    # what the model refuses itself is no bad answer, so that its prompt gives no pair
    assert sorted(found) == ["harm 1", "harm 2", "kill a process 0", "kill a process 1"]
    assert all(
        (each.rejected[0].content == "Gladly.") == name.startswith("harm") for name, each in found.items()
    )
    assert all(
        (each.chosen[0].content == "Gladly.") == name.startswith("kill") for name, each in found.items()
    )
    canned = [each.text for _, each in drawn(done, "refuse") if each.policy == "canned"]
    assert len(canned) == 4
    assert done.warnings == []


@pytest.mark.parametrize(
    ("harmful", "benign", "said"), [(2, 0, "refuse everything"), (0, 2, "nothing is to be refused")]
)
def test_one_side_alone_is_warned_of(
    tmp_path: Path, policy: str, judge: str, constitution: Path, harmful: int, benign: int, said: str
) -> None:
    prompts = rows(tmp_path / "p.jsonl", harmful, benign)
    done = play(tmp_path / "a", STEPS, policy=policy, judge=judge, prompts=prompts, constitution=constitution)
    assert any(said in each for each in done.warnings)


def test_prompts_of_neither_kind_are_refused_with_the_tags_that_there_are(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    with pytest.raises(RecipeError, match="its tags are: sum"):
        prepare_recipe(config(tmp_path / "a", STEPS, **world))  # type: ignore[arg-type]


def test_a_tag_of_both_kinds_is_refused(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    with pytest.raises(RecipeError, match="'sum' is in `harmful` and in `benign`"):
        prepare_recipe(config(tmp_path / "a", "step: refuse, harmful: [sum], benign: [sum]", **world))  # type: ignore[arg-type]


def test_half_of_the_rounds_prompts_are_of_each_kind_where_there_are_enough(
    tmp_path: Path, policy: str, judge: str, constitution: Path
) -> None:
    prompts = rows(tmp_path / "p.jsonl", 9, 3)
    steps = "step: refuse, refusals: plain, prompts: 8"
    done = play(tmp_path / "a", steps, policy=policy, judge=judge, prompts=prompts, constitution=constitution)
    asked = {prompt.text for prompt, _ in drawn(done, "refuse")}
    assert sum(each.startswith("kill") for each in asked) == 3
