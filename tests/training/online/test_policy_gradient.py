"""A whole step is that of TRL; trainings say what failures do to them, and a group of one moves nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rlaif.records import Completion, Prompt, ScoredGroups
from rlaif.training import train_online
from rlaif.training.online.advantages import deviation_bias
from tests.training.builders import same_weights
from tests.training.conftest import MakeDirectory

from .helpers import CONFIGS, Counted, history, letters, prompts, sometimes

BENCH = Path(__file__).resolve().parents[3] / "benchmarks" / "rl_vs_trl.py"


@pytest.mark.parametrize(
    ("name", "divides"),
    [("grpo", True), ("dapo", True), ("gspo", True), ("dr", False), ("gdpo", False), ("rloo", False)],
)
def test_where_rewards_are_missing_the_bias_of_their_deviation_is_a_figure(
    name: str, divides: bool, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    # long enough for some to come to an end: nobody is asked about the others
    config = replace(CONFIGS[name], max_tokens=64, n=8, steps=2, overlong=0)
    train_online(config, prompts(), Counted(sometimes), policy=model_dir(), out=tmp_path / "out")
    short = [line for line in history(tmp_path / "out") if line["rewards/failed"] > 0]
    assert short
    for line in short:
        assert ("reward_std_bias" in line) == divides
        # the least that two of eight rewards can do
        assert not divides or deviation_bias(2, 8) <= line["reward_std_bias"] <= 1
    train_online(config, prompts(), Counted(letters), policy=model_dir(), out=tmp_path / "read")
    assert not any("reward_std_bias" in line for line in history(tmp_path / "read"))


class OnlyOne(Counted):
    """Reads one rollout of each group, the first it is shown."""

    def __init__(self) -> None:
        super().__init__(self.first)
        self.seen: set[str] = set()

    def first(self, completion: Completion) -> float | None:
        new = completion.prompt_id not in self.seen
        self.seen.add(completion.prompt_id)
        return letters(completion) if new else None

    def score(
        self, prompts: Sequence[Prompt], groups: Sequence[Sequence[Completion]], *, step: int, seed: int
    ) -> ScoredGroups:
        self.seen.clear()
        return super().score(prompts, groups, step=step, seed=seed)


@pytest.mark.parametrize("name", ["rloo", "grpo", "dapo", "gdpo"])
def test_a_step_of_groups_with_one_reward_each_moves_nothing(
    name: str, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    whole = replace(CONFIGS[name], max_failed=1.0, steps=2, weight_decay=0.0)
    train_online(whole, prompts(), OnlyOne(), policy=model_dir(), out=tmp_path / "out")
    for line in history(tmp_path / "out"):
        assert line["idle"] == 1
        assert line["groups/skipped"] >= 3
        assert line["grad_norm"] == 0
    assert same_weights(model_dir(), tmp_path / "out")


@pytest.mark.heavy
def test_steps_of_grpo_on_the_same_completions_are_trls_in_loss_and_gradient() -> None:
    pytest.importorskip("trl")
    small = ["--case", "small", "--half", "--layers", "2", "--steps", "2", "--threads", "1"]
    done = subprocess.run(
        [sys.executable, str(BENCH), *small, "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["rows"]
    assert row["loss_difference"] < 1e-5
    assert row["grad_norm_difference"] < 1e-4
    assert row["grad_norm"] > 0.1
