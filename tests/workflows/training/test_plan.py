"""What a training says before it begins: steps, rows a step, settings with where they come from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.exchange.pairs import write_pairs
from rlaif.records import Message, Pair
from rlaif.training.configs.rates import rate_of_size
from rlaif.workflows.training.config import train_config
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.plan import FEW_STEPS, plan_steps, plan_training
from rlaif.workflows.training.run import settle


def _pairs(count: int) -> list[Pair]:
    return [
        Pair(
            prompt=(Message(role="user", content=f"How do I bake bread {place}?"),),
            chosen=(Message(role="assistant", content=f"You need flour {place}."),),
            rejected=(Message(role="assistant", content=f"I will not {place}."),),
            label_prob=0.9,
        )
        for place in range(count)
    ]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """118 pairs, as one real first day had them."""
    write_pairs(tmp_path / "pairs.jsonl", _pairs(118))
    return tmp_path / "pairs.jsonl"


@pytest.fixture
def weights(mini: Path) -> str:
    """A model that no recipe is made for."""
    return f"hf:{mini}"


def job(pairs: Path, policy: str, method: str = "dpo", **given: Any) -> TrainJob:
    return settle(train_config(pairs, method=method, policy=policy, out=pairs.parent / "m", **given))


def test_118_pairs_are_4_steps_and_a_warning_says_so(pairs: Path, weights: str) -> None:
    plan = plan_steps(job(pairs, weights))
    assert plan is not None
    assert (plan.steps, plan.batch_size, plan.last, plan.passes) == (4, 32, 22, 1.0)
    assert "4 steps of 32, 22 in the last: 1 pass over 118 rows" in plan.line
    [said] = plan.warnings
    assert f"below {FEW_STEPS} a model hardly moves" in said
    assert "--batch-size 8 --epochs 2: 30 steps" in said


@pytest.mark.parametrize(
    "given",
    [{"steps": 4}, {"batch_size": 4}, {"epochs": 6.0}],
    ids=["steps that were asked for", "small batches", "many passes"],
)
def test_a_training_that_is_long_enough_or_was_asked_for_is_not_warned_of(
    pairs: Path, weights: str, given: dict[str, Any]
) -> None:
    plan = plan_steps(job(pairs, weights, **given))
    assert plan is not None
    assert plan.warnings == []


def test_what_the_warning_advises_is_enough_and_is_what_then_happens(pairs: Path, weights: str) -> None:
    plan = plan_steps(job(pairs, weights, batch_size=8, epochs=2.0))
    assert plan is not None
    assert plan.steps == 30


@pytest.mark.parametrize(("method", "rows"), [("dpo", 118), ("reward", 118), ("sft", 118)])
def test_each_method_says_how_many_rows_it_learns_from(
    pairs: Path, weights: str, method: str, rows: int
) -> None:
    plan = plan_steps(job(pairs, weights, method))
    assert plan is not None
    assert plan.rows == rows


def test_pairs_that_are_held_out_are_no_rows_of_a_step(pairs: Path, weights: str) -> None:
    plan = plan_steps(job(pairs, weights, held_out_pairs=0.1))
    assert plan is not None
    assert plan.held_out == 12
    assert plan.passes == 1.0
    assert "(12 held out)" in plan.line


def test_a_dry_run_says_each_setting_and_where_it_comes_from(pairs: Path, weights: str) -> None:
    said = plan_training(job(pairs, weights, beta=0.3, loop={"schedule": "cosine"})).splitlines()
    assert "beta: 0.3  [given]" in said
    assert "schedule: cosine  [given]" in said
    assert "batch_size: 32  [default]" in said
    assert "steps: 4  [default]" in said
    assert "warmup_share: 0.1  [default]" in said
    rate = rate_of_size(0, adapter=False)
    assert any(line.startswith(f"learning_rate: {rate}  [by size: ") for line in said)
    assert any(line.startswith("tokens: about ") for line in said)
    assert any(line.startswith("memory: at least ") for line in said)


def test_a_beta_that_nobody_chose_is_that_of_the_loss(pairs: Path, weights: str) -> None:
    assert "beta: 0.1  [usual with loss soft]" in plan_training(job(pairs, weights))


def test_the_bundled_models_train_as_the_recipe_says(pairs: Path) -> None:
    said = plan_training(job(pairs, "micro"))
    assert "steps: 40  [recipe self-rewarding]" in said


def test_what_the_gate_left_out_is_a_line(tmp_path: Path, weights: str) -> None:
    twice = _pairs(30)
    write_pairs(tmp_path / "pairs.jsonl", [*twice, replace(twice[0])])
    said = plan_training(job(tmp_path / "pairs.jsonl", weights))
    assert "left out: 1 duplicate of 31 (the data gate)" in said


def test_the_command_says_the_steps_first_and_json_has_the_plan(
    pairs: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "train",
        str(pairs),
        "--policy",
        weights,
        "--out",
        str(pairs.parent / "m"),
        "--dry-run",
        "--json",
    ]
    assert main(words) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["plan"]["steps"] == 4
    assert found["settings"]["batch_size"] == 32
    assert found["from"]["batch_size"] == "default"
    assert "a model hardly moves" in err
