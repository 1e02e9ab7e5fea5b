"""Rollouts of an engine elsewhere are of the step's weights, or training ends; what was drawn is not drawn again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.engines.samplers import TokenDraw, TokenText
from rlaif.errors import EngineError, ThresholdError
from rlaif.training import GRPOConfig, train_online
from rlaif.training.online import objective
from rlaif.training.online.sampled_rollouts import SampledRollouts
from rlaif.training.state import TrainingFolder
from tests.training.builders import same_weights
from tests.training.conftest import MakeDirectory

from .copied_sampler import CopiedSampler
from .helpers import CONFIGS, SMALL, Counted, history, letters, prompts, sometimes
from .test_train import Killed, before

FAST = GRPOConfig(**{**SMALL, "learning_rate": 0.02})


def run(out: Path, policy: Path, sampler: Any, config: Any = FAST, reward: Any = None) -> None:
    train_online(config, prompts(), reward or Counted(letters), policy=policy, out=out, sampler=sampler)


@pytest.mark.parametrize("name", ["rloo", "grpo", "dapo", "gdpo", "ppo", "online-dpo", "rest-em"])
def test_with_an_exact_copy_a_step_is_that_on_live_rollouts(
    name: str, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    config, sampler = replace(CONFIGS[name], steps=2), CopiedSampler()
    train_online(config, prompts(), Counted(sometimes), policy=model_dir(), out=tmp_path / "live")
    run(tmp_path / "copy", model_dir(), sampler, config, Counted(sometimes))
    ours, live = (history(tmp_path / each)[0] for each in ("copy", "live"))
    for figure in ("reward", "completions/mean_length", "loss", "grad_norm"):
        assert ours[figure] == pytest.approx(live[figure], rel=1e-3, abs=1e-6), figure
    assert len(sampler.loads) == 2
    for line in history(tmp_path / "copy"):
        assert line["sampling/sampling_logp_difference/max"] < 1e-4
        assert line["sampling/importance_sampling_ratio/mean"] == pytest.approx(1, abs=1e-3)


def test_weights_that_were_not_taken_over_end_the_training_before_a_reward_is_asked(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    reward = Counted(letters)
    with pytest.raises(
        EngineError, match="step 3: the copy took the new weights without complaint, and comp"
    ) as told:
        run(tmp_path / "out", model_dir(), CopiedSampler(stale=[2]), reward=reward)
    assert reward.asked == [0, 1]
    assert "with those before" in str(told.value)
    assert "the same command goes on" in str(told.value)
    # what was done is kept, and another sampler goes on with it
    run(tmp_path / "out", model_dir(), CopiedSampler(), reward=reward)
    assert len(history(tmp_path / "out")) == FAST.steps


def test_where_nothing_changes_the_old_weights_are_the_new_ones(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    still = replace(FAST, learning_rate=1e-12)
    run(tmp_path / "out", model_dir(), CopiedSampler(stale=[1, 2, 3]), still)


def test_weights_that_stay_behind_while_little_changes_are_found_when_more_has_changed(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    slow = replace(FAST, steps=16, learning_rate=1e-7, schedule="constant")
    sampler = CopiedSampler(stale=range(1, 99))
    with pytest.raises(
        EngineError, match="took the new weights without complaint, and computes with those before"
    ):
        run(tmp_path / "out", model_dir(), sampler, slow)
    assert 2 < len(sampler.loads) < 16


def test_a_sampler_that_cannot_read_is_still_held_to_the_limit_of_drift(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    sampler = CopiedSampler(stale=range(1, 99), reads=False)
    config = replace(FAST, steps=12, learning_rate=0.05, max_drift=0.1)
    with pytest.raises(ThresholdError, match=r"that the copy drew differently probable by .* limit 0\.1"):
        run(tmp_path / "out", model_dir(), sampler, config)
    assert len(sampler.loads) > 1


def test_weights_of_another_model_are_found_at_once(model_dir: MakeDirectory, tmp_path: Path) -> None:
    sampler = CopiedSampler()
    load, other = sampler.load, model_dir("gpt2")
    sampler.load = lambda directory, version: load(other, version)  # type: ignore[method-assign]
    reward = Counted(letters)
    with pytest.raises(ThresholdError, match="step 1: the policy finds a token that the copy drew"):
        run(tmp_path / "out", model_dir(), sampler, reward=reward)
    assert reward.asked == []


def test_a_push_that_fails_ends_the_training_with_its_place_and_the_same_command_goes_on(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    with pytest.raises(
        EngineError, match=r"step 4: the copy cannot load\. What was trained and drawn is kept"
    ):
        run(tmp_path / "out", model_dir(), CopiedSampler(fails=[3]))
    again = CopiedSampler()
    run(tmp_path / "out", model_dir(), again)
    assert len(again.loads) == 1  # steps 1 to 3 were drawn
    run(tmp_path / "whole", model_dir(), CopiedSampler())
    assert same_weights(tmp_path / "whole", tmp_path / "out")


class Unrepeatable(CopiedSampler):
    """A server that never draws the same twice: its draws go by how many there were before, whoever asked."""

    def __init__(self, calls: Iterator[int]) -> None:
        super().__init__()
        self._calls = calls

    def draw(self, draws: Sequence[TokenDraw]) -> list[TokenText]:
        number = next(self._calls)
        return super().draw([each._replace(seed=each.seed // 2 + number) for each in draws])


@pytest.mark.parametrize(
    ("name", "moment"),
    [("grpo", "update"), ("dapo", "rewards"), ("ppo", "checkpoint"), ("rest-em", "rewards")],
)
def test_a_killed_training_learns_from_what_was_drawn_though_it_could_not_be_drawn_again(
    name: str, moment: str, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    config = CONFIGS[name]
    run(tmp_path / "whole", model_dir(), Unrepeatable(itertools.count()), config, Counted(sometimes))
    calls = itertools.count()
    with pytest.MonkeyPatch.context() as patch:
        if moment == "rewards":
            before(Counted, "score", 4, patch)
        elif moment == "update":
            before(objective.OnlineObjective, "part", 3, patch)
        else:
            before(TrainingFolder, "save", 2, patch)
        with pytest.raises(Killed):
            run(tmp_path / "out", model_dir(), Unrepeatable(calls), config, Counted(sometimes))
    run(tmp_path / "out", model_dir(), Unrepeatable(calls), config, Counted(sometimes))
    assert same_weights(tmp_path / "whole", tmp_path / "out")
    assert history(tmp_path / "whole") == history(tmp_path / "out")


def test_draws_are_kept_until_a_checkpoint_has_passed_them(model_dir: MakeDirectory, tmp_path: Path) -> None:
    seen: list[list[str]] = []
    usual = SampledRollouts.draw

    def draw(self: SampledRollouts, *given: Any, **named: Any) -> Any:
        found = usual(self, *given, **named)
        folder = tmp_path / "out/.training/sampler"
        seen.append(sorted(path.name for path in folder.iterdir()))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SampledRollouts, "draw", draw)
        run(tmp_path / "out", model_dir(), CopiedSampler())
    files = [[name for name in each if name.startswith("step")] for each in seen]
    assert files == [
        ["step-000000000.jsonl"],
        ["step-000000000.jsonl", "step-000000001.jsonl"],
        ["step-000000002.jsonl"],
        ["step-000000002.jsonl", "step-000000003.jsonl"],
    ]
    # one directory of weights, that of the step
    assert [[name for name in each if name.startswith("weights")] for each in seen] == [
        [f"weights-{step}"] for step in range(4)
    ]
    assert not (tmp_path / "out/.training").exists()


@pytest.mark.parametrize("correction", ["sequence-mask", "sequence-truncate", "token-mask", "token-truncate"])
def test_a_sampler_that_is_off_is_shown_and_weighed(
    correction: str, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    config = replace(FAST, steps=1, correction=correction, max_mismatch=1.5, max_drift=5.0)
    run(tmp_path / "out", model_dir(), CopiedSampler(off=0.3), config)
    (line,) = history(tmp_path / "out")
    assert line["sampling/sampling_logp_difference/mean"] > 0.01
    assert line["sampling/importance_sampling_ratio/max"] <= 1.5 + 1e-6
    least = line["sampling/importance_sampling_ratio/min"]
    assert least < 1
    assert line[f"sampling/{'truncated' if 'truncate' in correction else 'masked'}"] > 0


def test_a_training_is_another_one_where_it_is_drawn_elsewhere(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    with pytest.raises(EngineError):
        run(tmp_path / "out", model_dir(), CopiedSampler(fails=[1]))
    with pytest.raises(Exception, match=r"belongs to another training; different: rollouts"):
        train_online(FAST, prompts(), Counted(letters), policy=model_dir(), out=tmp_path / "out")
