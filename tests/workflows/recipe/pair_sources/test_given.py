"""The source `given` (SPIN): the row's answer is chosen over each of the policy's own; rows without one are counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.errors import RecipeError
from rlaif.workflows.recipe.pair_sources.given import over_own
from rlaif.workflows.recipe.prepare import prepare_recipe
from tests.workflows.recipe.playing import config, made, play, prompt, said

STEPS = """
step: sample, n: 2
step: pairs, source: given, answer: gold_answer
"""


def test_the_given_answer_stands_over_each_of_the_policys_own() -> None:
    known, bare = prompt("One?", meta={"answer": " Yes. "}), prompt("Two?", meta={"answer": ["no", "text"]})
    drawn = [(known, said(known, "a")), (known, said(known, "b")), (bare, said(bare, "c"))]
    found, reasons = over_own(drawn, "answer")
    assert [(each.better.text, each.worse.text) for each in found] == [("Yes.", "a"), ("Yes.", "b")]
    assert reasons == {"no given answer": 1}


def test_an_own_answer_that_is_the_given_one_is_no_pair_and_weight_is_shared(
    tmp_path: Path, policy: str, judge: str, constitution: Path
) -> None:
    path = tmp_path / "p.jsonl"
    rows = [
        {"prompt": "What is 3 plus 2?", "gold_answer": "It is 5."},
        {"prompt": "And 4?", "gold_answer": "6"},
    ]
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    done = play(tmp_path / "a", STEPS, policy=policy, judge=judge, prompts=path, constitution=constitution)
    found = [(each.chosen[0].content, each.rejected[0].content, each.weight) for each in made(done)]
    assert found == [
        ("It is 5.", "Hello. It is 5.", 1.0),
        ("6", "Hello. It is 5.", 0.5),
        ("6", "It is 5.", 0.5),
    ]
    assert json.loads((done.run / "round-1" / "funnel.json").read_text())["no pair: duplicate"] == 1


def test_prompts_without_answers_are_refused_before_the_first_call(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    with pytest.raises(RecipeError, match=r"recipe.yaml:8: no row .* column 'gold_answer'"):
        prepare_recipe(config(tmp_path / "a", STEPS, **world))  # type: ignore[arg-type]
