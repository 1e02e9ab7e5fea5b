"""What the rewards of a training would ask is counted by playing its steps: nobody is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rlaif.constitution import load_principles
from rlaif.exchange.prompts import read_prompts
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.dry_run.cost import PlannedModels, estimate, planning
from rlaif.workflows.dry_run.rollouts import plan_rewards
from rlaif.workflows.reward.open_parts import open_reward
from rlaif.workflows.reward.parts import reward_parts

PROMPTS = read_prompts("micro:train")[:2]
RULES = load_principles("micro-default")
GROUP = 4


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def planned(value: Any, steps: int = 1) -> tuple[int, dict[str, Any]]:
    """Calls, and the estimate of all models."""
    models = PlannedModels(ModelOptions())
    with planning(models, Path("none.sqlite")):
        reward = open_reward(reward_parts(value, "x"), models, RULES, seed=0, where="x")
        calls = plan_rewards(reward, models, [PROMPTS] * steps, group=GROUP, max_tokens=32, seed=0)
        return calls, estimate(models)


def applying() -> int:
    """Principles that apply, summed over the prompts."""
    return sum(
        not each.applies_to or bool({*each.applies_to} & {*prompt.tags})
        for prompt in PROMPTS
        for each in RULES.principles
    )


def test_each_completion_and_principle_is_a_call_and_a_circle_asks_both_orders() -> None:
    alone, _ = planned([{"judge": "micro"}])
    assert alone == GROUP * applying()
    circle, _ = planned([{"judge": "micro", "protocol": "circular"}])
    assert circle == 2 * GROUP * applying()


def test_each_step_has_completions_of_its_own_and_their_tokens_are_in_the_estimate() -> None:
    calls, found = planned([{"judge": "micro"}], steps=3)
    assert calls == 3 * GROUP * applying()
    assert found["models"]["micro"]["calls"] == calls
    assert found["models"]["micro"]["prompt_most"] > found["models"]["micro"]["prompt_least"] > 0


def test_a_function_is_not_called() -> None:
    Path("mine.py").write_text("def f(prompt, completion):\n    raise SystemExit('called')\n")
    assert planned([{"function": "mine.py:f"}])[0] == 0
