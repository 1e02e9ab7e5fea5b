"""What a training on rollouts is told of its reward: that failing was no chance, and that it never varied."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from rlaif.training.online.watch import CONSTANT_STEPS, RewardWatch


def step(number: int, **figures: float) -> Mapping[str, float]:
    return {"step": number, "reward": 0.5, "frac_reward_zero_std": 0.0, **figures}


def link(name: str, above: float, variance: float) -> dict[str, float]:
    return {
        f"failures/{name}/above": above,
        f"failures/{name}/variance": variance,
        f"failures/{name}/scale": 4 * abs(above),
    }


@pytest.mark.parametrize(
    ("name", "above", "said"),
    [
        ("length", 3.0, "were more often the longer ones"),
        ("length", -3.0, "were less often the longer ones"),
        ("reward", 3.0, "failed more often where the others of the group have high rewards"),
        ("reward", -3.0, "failed less often where the others of the group have high rewards"),
    ],
)
def test_failing_that_goes_with_length_or_reward_over_all_steps_is_told_at_the_end(
    name: str, above: float, said: str, tmp_path: Path
) -> None:
    watch = RewardWatch(tmp_path, {})
    # three deviations of a step each: no step by itself is sure at one in a hundred, four are
    for number in range(4):
        watch.after(number + 1, step(number + 1, **link(name, above / 2, 1.0)))
    [told] = watch.warnings()
    assert said in told
    alone = RewardWatch(tmp_path, {})
    alone.after(1, step(1, **link(name, above / 2, 1.0)))
    assert alone.warnings() == []


def parts(**means: float) -> dict[str, float]:
    return {
        **{f"rewards/{name}/mean": value for name, value in means.items()},
        **{f"rewards/{name}/std": 0.0 for name in means},
        **{f"rewards/{name}/failed": 0.0 for name in means},
    }


def test_parts_that_never_varied_are_told_where_penalties_did(tmp_path: Path) -> None:
    watch = RewardWatch(tmp_path, {})
    for number in range(CONSTANT_STEPS + 1):
        assert watch.after(number + 1, step(number + 1, **parts(a=0.5, b=1.0))) == ""
    [told] = watch.warnings()
    assert "(a 0.5, b 1)" in told
    assert watch.after(9, step(9, **{**parts(a=0.5, b=1.0), "rewards/b/std": 0.1})) == ""
    assert watch.warnings() == []


def test_a_part_of_another_level_in_another_step_varied(tmp_path: Path) -> None:
    watch = RewardWatch(tmp_path, {})
    watch.after(1, step(1, **parts(a=0.5)))
    watch.after(2, step(2, **parts(a=0.6)))
    assert watch.warnings() == []


def test_single_rollouts_are_constant_where_their_parts_are(tmp_path: Path) -> None:
    watch = RewardWatch(tmp_path, {})
    said = [
        watch.after(number, {"step": number, "reward": 0.5, **parts(a=0.5)})
        for number in range(1, CONSTANT_STEPS + 1)
    ]
    assert said[:-1] == [""] * (CONSTANT_STEPS - 1)
    assert "the reward was 0.5 for every rollout" in said[-1]
