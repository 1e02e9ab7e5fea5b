"""Trainer against sampler and against itself: by hand, and in trainings whose two readings differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.errors import ModelError
from rlaif.records import Completion
from rlaif.training import GRPOConfig, PPOConfig, RLOOConfig, train_online
from rlaif.training.online.drift import assert_ratio_one, drift_of
from rlaif.training.online.reading import TreeReader, TreeReading
from rlaif.training.online.rollouts import LiveRollouts, Rollout
from rlaif.training.packing import Tree, pack
from tests.training.conftest import MakeDirectory

from .helpers import SMALL, Counted, history, letters, prompts


def rollout(length: int, logprob: float | None) -> Rollout:
    said = Completion(prompt_id="p", text="a", policy="live")
    return Rollout(completion=said, ids=(3,) * length, ended=True, logprob=logprob)


def test_how_probable_rollouts_were_where_they_were_drawn_by_hand() -> None:
    # of three tokens -1 each; the sampler said -2.9, -1, nothing, and -12
    rollouts = [rollout(3, -2.9), rollout(3, -1.0), rollout(3, None), rollout(3, -12.0)]
    batch = pack([Tree((1, 2), tuple(each.ids for each in rollouts))], packed=True, pad_id=0, with_last=False)
    found = drift_of(rollouts, [0, 1, 2, 3], torch.full((12,), -1.0), batch, most=3.0)
    assert found.log_ratio_B.tolist() == pytest.approx([-0.1, -2.0, 0.0, 9.0], abs=1e-6)
    # pi / pi_sampler; e^-2 is below a third, e^9 above three
    assert found.weight_B.tolist() == pytest.approx([math.exp(-0.1), 0.0, 1.0, 0.0], abs=1e-6)
    parts = found.parts(4)
    assert float(parts["sampling/masked"]) == 0.5
    mean = (0.1 + 2.0 + 9.0) / 3 / 4
    assert float(parts["sampling/sampling_logp_difference/mean"]) == pytest.approx(mean, rel=1e-6)


@pytest.mark.parametrize("off", [1e-2, math.nan])
def test_a_ratio_that_is_not_1_before_the_first_update_is_an_error(off: float) -> None:
    old_N = torch.tensor([-1.0, -2.0])
    assert_ratio_one(old_N, old_N, "float32")
    with pytest.raises(ModelError, match="differs from itself by"):
        assert_ratio_one(old_N + torch.tensor([0.0, off]), old_N, "float32")


@pytest.mark.parametrize(
    "config", [GRPOConfig(**SMALL, iterations=2), PPOConfig(**SMALL)], ids=["grpo", "ppo"]
)
def test_a_training_whose_two_readings_differ_ends_before_it_learned_anything(
    config: Any, model_dir: MakeDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = TreeReader.__call__

    def other(self: TreeReader, trees: Sequence[Tree], read: Any = None) -> list[TreeReading]:
        found = usual(self, trees, read)
        return [each._replace(logps=[logp - 0.01 for logp in each.logps]) for each in found]

    monkeypatch.setattr(TreeReader, "__call__", other)
    with pytest.raises(ModelError, match="before the first update of a step"):
        train_online(config, prompts(), Counted(letters), policy=model_dir(), out=tmp_path / "out")
    assert not (tmp_path / "out/metrics.jsonl").exists()


def test_rollouts_that_another_policy_drew_are_left_out_and_counted(
    model_dir: MakeDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = LiveRollouts.draw

    def odd(self: LiveRollouts, *given: Any, **named: Any) -> list[list[Rollout]]:
        groups = usual(self, *given, **named)
        # the first of each group, said to be e^4 times less probable than it is
        return [
            [
                replace(each, logprob=(each.logprob or 0.0) - 4.0 * (place == 0))
                for place, each in enumerate(group)
            ]
            for group in groups
        ]

    monkeypatch.setattr(LiveRollouts, "draw", odd)
    out = tmp_path / "out"
    train_online(RLOOConfig(**SMALL), prompts(), Counted(letters), policy=model_dir(), out=out)
    assert [line["sampling/masked"] for line in history(out)] == pytest.approx([0.25] * 4)
