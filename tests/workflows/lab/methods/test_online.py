"""A cell whose reward says the same of everything is refused before its policy draws a rollout."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import rlaif.training
from rlaif.errors import ThresholdError
from rlaif.records import Message, Prompt
from rlaif.training import GRPOConfig
from rlaif.workflows.lab.bench import CellBench
from rlaif.workflows.lab.cell import LabCell
from rlaif.workflows.lab.config import LabConfig, settled
from rlaif.workflows.lab.methods import online
from rlaif.workflows.lab.world import Graded

PROMPT = Prompt(messages=(Message(role="user", content="What is 2 plus 2?"),))


class Bench(CellBench):
    """One whose reward is a number that we say."""

    values: tuple[float, ...] = (1.0, 1.0, 1.0)

    def reward(self) -> Any:
        return SimpleNamespace(fingerprint="reward")

    def _raw(self, graded: Any) -> list[float | None]:
        return [value for value, _ in zip(self.values, graded, strict=True)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    world = SimpleNamespace(
        config=settled(LabConfig(out=tmp_path, quick=True)),
        measured_draws=lambda: [[Graded(PROMPT, text, 0.5) for text in "abc"]],
        trained_on=lambda _: [PROMPT],
        policy_dir=tmp_path,
    )
    cell = LabCell(method="grpo", size="1", labels=32, variant="", seed=0)
    return Bench(world=world, cell=cell, root=tmp_path, progress=lambda *_: None)  # type: ignore[arg-type]


def test_a_constant_reward_is_refused_before_the_first_rollout(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[bool] = []
    monkeypatch.setattr(rlaif.training, "train_online", lambda *_, **__: begun.append(True))
    with pytest.raises(
        ThresholdError, match=r"the reward is the same for 3 answers.*give reward models more labels"
    ):
        online.train(bench, GRPOConfig, n=2)
    assert not begun


def test_a_reward_that_distinguishes_begins(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.values = (1.0, 2.0, 3.0)
    begun: list[bool] = []

    def train(*_: Any, **__: Any) -> None:
        begun.append(True)
        raise KeyboardInterrupt

    monkeypatch.setattr(rlaif.training, "train_online", train)
    with pytest.raises(KeyboardInterrupt):
        online.train(bench, GRPOConfig, n=2)
    assert begun
