"""`rlaif.train` by methods that draw rollouts: rewards in every form that Python gives them, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import rlaif
from rlaif.errors import InputError, RecipeError
from rlaif.records import Completion, Component, Prompt, ScoredGroups
from rlaif.workflows.reward.reward_option import reward_value

SMALL: dict[str, Any] = {"steps": 1, "batch_size": 2, "n": 3, "max_tokens": 8}


def lettered(prompt: Prompt, completion: Completion) -> float:
    """Longer answers are better."""
    return float(len(completion.text))


class Lengths:
    """An open reward: the letters of each completion."""

    fingerprint = "b2:lengths"

    def __init__(self) -> None:
        self.asked = 0

    def score(
        self, prompts: Sequence[Prompt], groups: Sequence[Sequence[Completion]], *, step: int, seed: int
    ) -> ScoredGroups:
        totals = tuple(float(len(each.text)) for group in groups for each in group)
        self.asked += len(totals)
        return ScoredGroups(
            totals=totals, components=(Component(name="letters", weight=1.0, hard=False, values=totals),)
        )


@pytest.fixture
def world(
    tmp_path: Path, mini: Path, prompts: Path, constitution: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    return {
        "policy": mini,
        "prompts": prompts,
        "constitution": str(constitution),
        "out": "models/rl",
        **SMALL,
    }


def test_an_open_reward_is_asked_of_every_rollout(world: dict[str, Any]) -> None:
    reward = Lengths()
    done = rlaif.train(method="grpo", reward=reward, **world)
    assert reward.asked == 6
    assert done.outcome.figures["reward"] > 0
    assert (done.out, done.facts["method"], done.facts["steps"]) == (Path("models/rl"), "grpo", 1)
    assert {"figure": "reward", "value": done.outcome.figures["reward"]} in list(done.to_dataset())


def test_a_function_and_a_judge_are_added_up(world: dict[str, Any], judge: str) -> None:
    done = rlaif.train(
        method="rloo", reward=[f"judge={judge},protocol=checklist", lettered], beta=0.0, **world
    )
    assert (
        len([name for name in done.outcome.figures if name.endswith("/mean") and name.startswith("rewards/")])
        == 2
    )


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (
            {"method": "grpo", "reward": "judge=micro", "source": "runs/r1"},
            InputError,
            "source is of methods that",
        ),
        ({"method": "grpo", "reward": "judge=micro", "policy": None}, InputError, "policy is missing"),
        ({"method": "grpo"}, RecipeError, "reward is missing"),
        ({"method": "grpo", "reward": 3}, RecipeError, "reward is 3; give `judge=NAME`"),
        ({"method": "grpo", "reward": "judge=micro", "gate": "off"}, RecipeError, "gate"),
        (
            {"method": "dpo", "reward": "judge=micro", "source": "runs/r1"},
            InputError,
            "prompts is of methods that",
        ),
        ({"method": "dpo", "prompts": None}, InputError, "source is missing"),
    ],
)
def test_what_is_of_another_kind_of_method_is_refused_by_name(
    given: dict[str, Any], error: type[Exception], text: str, world: dict[str, Any]
) -> None:
    others = {
        name: each
        for name, each in world.items()
        if given["method"] != "dpo" or name in ("policy", "out", "prompts")
    }
    with pytest.raises(error, match=text):
        rlaif.train(**{**others, **given})
    assert not Path("models").exists()


def test_all_forms_of_a_reward_are_what_a_recipe_has(tmp_path: Path) -> None:
    part = {"judge": "micro", "weight": 0.5}
    whole = {"together": "product", "parts": [part, part]}
    file = tmp_path / "reward.yaml"
    file.write_text("[{judge: micro, weight: 0.5}]")
    assert reward_value("judge=micro,weight=0.5") == reward_value(part) == reward_value([part]) == [part]
    assert reward_value(whole) == whole
    assert reward_value([whole, "judge=micro"]) == [whole, {"judge": "micro"}]
    assert reward_value(file) == [{"parts": [part]}]
