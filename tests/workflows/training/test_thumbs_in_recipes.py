"""The method thumbs in a recipe: a real model learns from its judged answers, each alone; from pairs each side once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rlaif.errors import RecipeError
from rlaif.records import Message, Pair
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run
from rlaif.workflows.recipe.train_step import train_step
from rlaif.workflows.training.methods.thumbs import thumbs_of

RECIPE = """\
name: thumbs
models: {{policy: {policy}, judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}}}
rounds: 1
round:
  - {{step: sample, n: 4, max_tokens: 24}}
  - {{step: judge}}
  - {{step: examples, condition: thumb, good: 0.5}}
  - {{step: train, method: thumbs, steps: 3, batch_size: 4, learning_rate: 1.0e-3}}
"""


def test_a_policy_learns_from_thumbs_over_a_threshold_and_a_second_run_asks_nothing(
    tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path
) -> None:
    path = tmp_path / "thumbs.yaml"
    path.write_text(RECIPE.format(policy=mini, judge=judge, prompts=prompts, constitution=constitution))
    done = run(prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / "run")))
    assert done.rounds[0]["policy"] != done.rounds[1]["policy"]
    record = json.loads((done.run / "models/round-1/train.json").read_text())
    assert record["counts"]["thumbs_up"] == done.rounds[1]["kinds"]["thumb-up"] > 0
    assert record["counts"]["thumbs_down"] == done.rounds[1]["kinds"]["thumb-down"] > 0
    again = run(prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / "run")))
    assert again.calls["new"] == 0
    assert again.rounds == done.rounds


def pair(chosen: str, rejected: str) -> Pair:
    def turn(text: str) -> tuple[Message, ...]:
        return (Message(role="assistant", content=text),)

    question = (Message(role="user", content="How?"),)
    return Pair(prompt=question, chosen=turn(chosen), rejected=turn(rejected), label_prob=0.8)


def test_each_side_of_pairs_has_one_thumb_and_what_has_both_has_none() -> None:
    found = thumbs_of([pair("best", "middle"), pair("best", "worst"), pair("middle", "worst")])
    assert {each.messages[-1].content: each.kind for each in found} == {
        "best": "thumb-up",
        "worst": "thumb-down",
    }


def test_options_that_cannot_work_are_refused_where_they_stand() -> None:
    with pytest.raises(RecipeError, match="reference is none, and thumbs compares with one"):
        train_step("thumbs", where="x.yaml:3", reference="none")
    with pytest.raises(RecipeError, match="batch_size"):
        train_step("thumbs", where="x.yaml:3", batch_size=1)


@pytest.mark.parametrize(
    ("made", "method", "said"),
    [
        (
            "examples",
            "thumbs",
            "thumbs learns from examples with a thumb, and those of 'examples' have none; make them",
        ),
        (
            "examples",
            "distill",
            "with a teacher, and those of 'examples' have none; make them by a step `contexts`",
        ),
        ("examples, condition: thumb, good: 0.5", "distill", "with a teacher"),
        (
            "contexts, teacher_sees: [constitution]",
            "thumbs",
            "with a thumb, and those of 'contexts' have none",
        ),
    ],
)
def test_examples_without_what_a_method_learns_from_are_refused_before_the_first_call(
    tmp_path: Path,
    mini: Path,
    judge: str,
    prompts: Path,
    constitution: Path,
    made: str,
    method: str,
    said: str,
) -> None:
    path = tmp_path / "wrong.yaml"
    text = RECIPE.replace("examples, condition: thumb, good: 0.5", made).replace(
        "thumbs, steps", f"{method}, steps"
    )
    path.write_text(text.format(policy=mini, judge=judge, prompts=prompts, constitution=constitution))
    with pytest.raises(RecipeError, match=f"wrong.yaml:10: .*{said}"):
        prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / "run"))


def test_another_model_as_teacher_needs_no_turns_of_its_own(
    tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path
) -> None:
    path = tmp_path / "other.yaml"
    text = RECIPE.replace("examples, condition: thumb, good: 0.5", "examples")
    text = text.replace("thumbs, steps", f"distill, teacher: '{mini}', steps")
    path.write_text(text.format(policy=mini, judge=judge, prompts=prompts, constitution=constitution))
    prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / "run"))


def test_what_was_cut_off_has_no_thumb() -> None:
    found = thumbs_of([replace(pair("best", "worst"), truncated="rejected")])
    assert [each.messages[-1].content for each in found] == ["best"]
