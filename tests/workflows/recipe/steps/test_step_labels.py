"""The step `step-labels` in recipes: rollouts or a judge label steps, a process reward model learns, RL asks it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError
from rlaif.exchange.examples import read_examples
from rlaif.records import RIGHT_STEP, WRONG_STEP
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run
from tests.workflows.recipe.playing import config, drawn, planned_calls, play

BY_ROLLOUTS = """
step: sample, n: 3, temperature: 1.0, prompts: 4, max_tokens: 64, as: drawn
step: step-labels, of: drawn, n: 2, max_tokens: 64, as: labels
step: train, of: labels, as: prm, trains: prm, method: process-reward, steps: 2, batch_size: 4
step: train, of: train, as: rl, method: rloo, n: 2, batch_size: 2, steps: 1, reward: [{judge: prm, protocol: process}]
"""
BY_JUDGE = """
step: sample, n: 2, temperature: 1.0, prompts: 3, max_tokens: 64, as: drawn
step: judge, of: drawn, judge: policy, protocol: steps, as: said
step: step-labels, of: [drawn, said], by: judgments, as: labels
"""
UNJUDGED = """
step: sample, n: 2, temperature: 1.0, prompts: 3, as: drawn
step: step-labels, of: drawn, by: judgments, as: labels
"""


@pytest.fixture
def world() -> dict[str, Any]:
    return {
        "policy": "micro",
        "judge": "answer:result",
        "prompts": "micro:sums",
        "constitution": "micro-sums",
    }


def test_labels_by_rollouts_teach_a_model_that_is_the_reward_and_a_second_run_asks_nothing(
    tmp_path: Path, world: dict[str, Any]
) -> None:
    ahead = planned_calls(tmp_path, BY_ROLLOUTS, **world)
    done = play(tmp_path, BY_ROLLOUTS, **world)
    assert ahead > 0
    made = read_examples(done.run / "round-1/labels.jsonl")
    assert {each.kind for each in made} <= {RIGHT_STEP, WRONG_STEP}
    texts = {each.text for _, each in drawn(done, "drawn")}
    assert all(any(text.startswith(each.messages[-1].content) for text in texts) for each in made)
    assert texts <= {each.messages[-1].content for each in made}
    record = json.loads((done.run / "models/round-1-prm/train.json").read_text())
    assert record["method"] == "process-reward"
    line = json.loads((done.run / "models/round-1-rl/metrics.jsonl").read_text().splitlines()[0])
    assert 0 < line["reward"] < 1
    assert 0 < done.rounds[1]["steps_right"] <= 1
    assert run(prepare_recipe(config(tmp_path, BY_ROLLOUTS, **world))).calls["new"] == 0


def test_what_a_judge_said_of_steps_are_labels_and_nobody_else_is_asked(
    tmp_path: Path, world: dict[str, Any]
) -> None:
    done = play(tmp_path, BY_JUDGE, **world)
    made = read_examples(done.run / "round-1/labels.jsonl")
    assert any(0 < each.weight < 1 for each in made)
    again = play(tmp_path / "hard", BY_JUDGE.replace("by: judgments", "by: judgments, labels: hard"), **world)
    assert {each.weight for each in read_examples(again.run / "round-1/labels.jsonl")} == {1.0}


@pytest.mark.parametrize(
    ("steps", "judge", "text"),
    [
        (BY_ROLLOUTS, "gold:", "the truth that runs are measured by"),
        (UNJUDGED, "micro", "needs a step 'judge'"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    steps: str, judge: str, text: str, tmp_path: Path, world: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match=text):
        planned_calls(tmp_path, steps, **{**world, "judge": judge})
