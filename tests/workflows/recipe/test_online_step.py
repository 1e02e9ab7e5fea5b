"""A recipe's train step that draws rollouts: a role may be its reward, calls are counted ahead and made once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.engines.fingerprint import model_fingerprint as fingerprint_of
from rlaif.errors import InputError, RecipeError
from rlaif.workflows.dry_run.recipe import plan
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run
from rlaif.workflows.recipe.train_step import train_step

from .playing import config, planned_calls, play

STEP = (
    "step: train, method: {method}, reward: [{{judge: judge, protocol: checklist}}], steps: 2, batch_size: 4, n: 4, "
    "max_tokens: 16, learning_rate: 5.0e-3"
)


@pytest.fixture
def world(mini: Path, judge: str, prompts: Path, constitution: Path) -> dict[str, Any]:
    return {"policy": str(mini), "judge": judge, "prompts": prompts, "constitution": constitution}


def test_the_newest_policy_is_what_the_rollouts_taught_and_a_second_run_asks_nothing(
    tmp_path: Path, world: dict[str, Any]
) -> None:
    steps = STEP.format(method="grpo")
    ahead = planned_calls(tmp_path, steps, **world)
    done = play(tmp_path, steps, **world)
    assert done.rounds[0]["policy"] != done.rounds[1]["policy"]
    assert 0 < done.calls["new"] <= ahead
    record = json.loads((done.run / "models/round-1/train.json").read_text())
    assert (record["method"], record["steps"]) == ("grpo", 2)
    again = run(prepare_recipe(config(tmp_path, steps, **world)))
    assert again.calls["new"] == 0
    assert again.rounds == done.rounds


def test_each_round_goes_on_from_the_last_policy_and_draws_others(
    tmp_path: Path, world: dict[str, Any]
) -> None:
    done = play(tmp_path, STEP.format(method="rloo"), rounds=2, **world)
    lines = [(done.run / f"models/round-{number}/metrics.jsonl").read_text() for number in (1, 2)]
    assert lines[0] != lines[1]
    base = json.loads((done.run / "models/round-2/train.json").read_text())["base"]
    assert base.endswith("models/round-1")


def test_a_model_that_an_earlier_step_made_may_be_the_reward_and_the_value_model(
    tmp_path: Path, world: dict[str, Any]
) -> None:
    steps = """
step: sample, n: 4, max_tokens: 16
step: judge
step: pairs
step: train, method: reward, as: rm, trains: rm, steps: 2, batch_size: 2
step: train, method: ppo, reward: [{model: rm}], value: rm, steps: 1, batch_size: 4, max_tokens: 16
"""
    done = play(tmp_path, steps, **world)
    line = json.loads((done.run / "models/round-1/metrics.jsonl").read_text().splitlines()[0])
    assert "loss/value" in line
    assert line["rewards/failed"] == 0


IMITATED = """
step: sample, n: 2, max_tokens: 16, as: own
step: judge, of: own
step: examples, of: own, learn: best, kind: best
step: train, method: sft, as: imitated, steps: 2, batch_size: 4
"""


def test_a_new_role_is_trained_from_the_policy_that_an_earlier_step_of_the_round_made(
    tmp_path: Path, world: dict[str, Any]
) -> None:
    steps = IMITATED + STEP.format(method="rloo") + ", trains: rival, as: rival"
    ahead = planned_calls(tmp_path, steps, **world)
    done = play(tmp_path, steps, **world)
    record = json.loads((done.run / "models/round-1-rival/train.json").read_text())
    assert record["base"].endswith("models/round-1-imitated")
    # the policy is the one that imitates; the new role moves nothing of it
    assert done.rounds[1]["policy"] == fingerprint_of(done.run / "models/round-1-imitated")
    assert done.calls["new"] <= ahead


def test_a_dry_run_counts_the_reward_of_rollouts_of_a_policy_that_is_yet_to_be_made(
    tmp_path: Path, world: dict[str, Any]
) -> None:
    steps = IMITATED + STEP.format(method="grpo") + ", as: rl"
    ahead = {each.name: each.calls for each in plan(prepare_recipe(config(tmp_path, steps, **world))).graph}
    assert not (tmp_path / "run").exists()
    # 2 steps of 4 prompts with 4 rollouts, of which each is asked about two principles
    assert ahead["round-1/rl"] == 2 * 4 * 4 * 2
    done = play(tmp_path, steps, **world)
    record = json.loads((done.run / "models/round-1-rl/train.json").read_text())
    assert record["base"].endswith("models/round-1-imitated")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "x.yaml:3: reward is missing"),
        ({"reward": [{"protocol": "score"}]}, "x.yaml:3: reward"),
        ({"reward": [{"judge": "micro"}], "n": 1}, "must be at least 2"),
        ({"reward": [{"judge": "micro"}], "loss": "soft"}, "loss is not used by method grpo"),
    ],
)
def test_what_cannot_work_is_refused_where_it_stands(given: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        train_step("grpo", where="x.yaml:3", **given)


def test_a_role_that_only_a_reward_names_is_used_and_another_is_not(
    tmp_path: Path, world: dict[str, Any]
) -> None:
    made = config(tmp_path, STEP.format(method="grpo").replace("judge: judge", "judge: critic"), **world)
    path = Path(made.recipe)
    path.write_text(path.read_text().replace("models: {", "models: {critic: micro, "))
    assert any("critic" in task.models for task in prepare_recipe(made).tasks)
    path.write_text(path.read_text().replace("judge: critic", "judge: judge"))
    with pytest.raises(RecipeError, match="'critic', which no step names"):
        prepare_recipe(made)


RUBRIC_STEPS = """
step: rubric, of: train, source: constitution, as: criteria
step: train, of: train, method: grpo, as: rl, steps: 2, batch_size: 4, n: 4, max_tokens: 16, reward: [{reward}]
"""


def test_rubrics_that_a_step_made_are_a_part_with_dropout_and_a_gate(
    tmp_path: Path, world: dict[str, Any]
) -> None:
    parts = (
        "{judge: judge, name: dense, rubrics: criteria, dropout: 0.5}, "
        "{judge: judge, name: gate, rubrics: criteria, hard: true, at_least: 0.1}"
    )
    steps, world = (
        RUBRIC_STEPS.format(reward=parts),
        {**world, "judge": "micro", "constitution": "micro-default"},
    )
    assert planned_calls(tmp_path, steps, **world) > 0
    done = play(tmp_path, steps, **world)
    line = json.loads((done.run / "models/round-1-rl/metrics.jsonl").read_text().splitlines()[0])
    assert line["rewards/dense/failed"] == line["rewards/gate/failed"] == 0
    rows = json.loads((done.run / "artefacts.json").read_text())
    made = next(each for each in rows if each["step"] == "rl")
    assert made["of"]["rubrics"] == "round-1/criteria.jsonl"
    assert run(prepare_recipe(config(tmp_path, steps, **world))).calls["new"] == 0


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("{judge: judge, rubrics: criterias}", "criterias"),
        (
            "{judge: judge, rubrics: criteria, protocol: circular, dropout: 0.5}",
            "is of protocols that ask criteria",
        ),
    ],
)
def test_rubrics_that_nobody_made_or_asks_are_refused(
    part: str, said: str, tmp_path: Path, world: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match=said):
        planned_calls(tmp_path, RUBRIC_STEPS.format(reward=part), **world)


def test_a_value_model_that_nobody_names_is_the_policys_own_also_where_a_step_made_the_policy(
    tmp_path: Path, world: dict[str, Any]
) -> None:
    steps = """
step: sample, n: 2, max_tokens: 16
step: examples, learn: all
step: train, method: sft, as: taught, steps: 1
step: train, of: train, method: ppo, as: rl, reward: [{judge: judge, protocol: checklist}], steps: 1, batch_size: 4
"""
    prepared = prepare_recipe(config(tmp_path, steps, **world))
    [task] = [each for each in prepared.tasks if each.entry.key == "rl"]
    assert set(task.models) == {"trains", "judge"}
