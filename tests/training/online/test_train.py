"""Training on rollouts, by every method: it learns, is the same when it is resumed, and refuses what cannot work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.training import train_online
from rlaif.training.online import objective, rollouts
from rlaif.training.state import TrainingFolder
from tests.training.builders import same_weights
from tests.training.conftest import MakeDirectory

from .helpers import CONFIGS, Counted, history, letters, prompts, sometimes


class Killed(BaseException):
    """Stands for a signal: nothing catches it."""


def run(name: str, policy: Path, out: Path, **given: Any) -> None:
    train_online(CONFIGS[name], prompts(), Counted(sometimes), policy=policy, out=out, **given)


def dying(number: int) -> Callable[..., None]:
    """Dies when it is called for the `number`th time, having done nothing."""
    calls = iter(range(1, 1000))

    def called(*_: Any, **__: Any) -> None:
        if next(calls) == number:
            raise Killed

    return called


def before(place: Any, name: str, number: int, patch: pytest.MonkeyPatch) -> None:
    """Let `place.name` die before its `number`th call does anything."""
    usual, die = getattr(place, name), dying(number)

    def patched(*given: Any, **named: Any) -> Any:
        die()
        return usual(*given, **named)

    patch.setattr(place, name, patched)


MOMENTS = [(name, moment) for name in CONFIGS for moment in ("rollouts", "rewards", "update", "checkpoint")]


@pytest.mark.parametrize(("name", "moment"), MOMENTS)
def test_a_training_killed_at_any_moment_goes_on_to_the_same_weights(
    name: str, moment: str, model_dir: MakeDirectory, tmp_path: Path, whole: Callable[[str], Path]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if moment == "rollouts":
            before(rollouts.LiveRollouts, "draw", 4, patch)
        elif moment == "rewards":
            before(Counted, "score", 4, patch)
        elif moment == "update":
            before(objective.OnlineObjective, "part", 3, patch)
        else:
            before(TrainingFolder, "save", 2, patch)
        with pytest.raises(Killed):
            run(name, model_dir(), tmp_path / "out")
    assert not (tmp_path / "out/train.json").exists()
    run(name, model_dir(), tmp_path / "out")
    assert same_weights(whole(name), tmp_path / "out")
    assert history(whole(name)) == history(tmp_path / "out")


@pytest.fixture(scope="module")
def whole(model_dir: MakeDirectory, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A training by a method that nobody killed; made once."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name) / "out"
            run(name, model_dir(), made[name])
        return made[name]

    return make


OWN: dict[str, dict[str, Any]] = {
    "online-dpo": {"steps": 24},
    "ppo": {"steps": 20, "kl_target": None, "beta": 0.0, "lam": 1.0, "iterations": 4},
    "raft": {"steps": 24},
    "rest-em": {"minibatches": 3, "iterations": 10, "steps": 8},
}
"""What takes longer than others to be seen."""


@pytest.mark.parametrize("name", CONFIGS)
def test_every_method_raises_its_reward(name: str, model_dir: MakeDirectory, tmp_path: Path) -> None:
    usual = {"steps": 14, "schedule": "constant", "n": 6, "batch_size": 6}
    config = replace(CONFIGS[name], **{**usual, **OWN.get(name, {})})
    train_online(config, prompts(), Counted(letters), policy=model_dir(), out=tmp_path / "out")
    lines = [line["reward"] for line in history(tmp_path / "out")]
    third = len(lines) // 3
    assert sum(lines[-third:]) / third > sum(lines[:third]) / third + 0.02
