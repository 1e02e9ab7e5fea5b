"""What is used when something is not named. A toy never labels real data unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError
from rlaif.workflows.configs import EvaluateConfig, GenerateConfig
from rlaif.workflows.models.defaults import choose_evaluate, choose_generate

REAL = {"prompts": "mine.jsonl", "policy": ("hf:a",), "judge": "hf:b", "constitution": "house.yaml"}


def generate(**given: Any) -> GenerateConfig:
    return choose_generate(GenerateConfig(out=Path("runs/r"), **given))


def evaluate(**given: Any) -> EvaluateConfig:
    return choose_evaluate(EvaluateConfig(**given))


def test_nothing_named_is_the_bundled_world() -> None:
    chosen = generate()
    assert (chosen.policy, chosen.judge, chosen.prompts) == (("micro",), "micro", "micro:train")
    assert chosen.constitution == "micro-default"


@pytest.mark.parametrize("name", ["prompts", "policy"])
def test_with_anything_named_a_missing_judge_is_an_error_with_a_hint(name: str) -> None:
    with pytest.raises(InputError, match="--judge is missing; name a model"):
        generate(**{name: REAL[name]})


@pytest.mark.parametrize("name", ["prompts", "policy", "judge", "constitution"])
def test_with_real_models_nothing_is_guessed(name: str) -> None:
    with pytest.raises(InputError, match=f"--{name} is missing"):
        generate(**{key: value for key, value in REAL.items() if key != name})


def test_what_is_named_stays() -> None:
    chosen = generate(**REAL)
    assert {name: getattr(chosen, name) for name in REAL} == REAL


@pytest.mark.parametrize("judge", ["gold:", "random:7", "micro:weak"])
def test_a_control_or_bundled_judge_keeps_the_bundled_world(judge: str) -> None:
    chosen = generate(judge=judge)
    assert (chosen.policy, chosen.prompts) == (("micro",), "micro:train")


def test_gold_alone_needs_no_judge() -> None:
    chosen = evaluate(policy="models/r1", prompts="micro:held-out", gold=True)
    assert chosen.judge is None


def test_a_comparison_needs_a_judge() -> None:
    with pytest.raises(InputError, match="--judge is missing"):
        evaluate(policy="models/r1", prompts="micro:held-out", against=("micro",))


def test_an_evaluation_of_nothing_is_an_error() -> None:
    with pytest.raises(InputError, match="nothing to measure"):
        evaluate(policy="models/r1", judge="micro", prompts="micro:held-out")
