"""Models of earlier rounds are let go: a run of many rounds holds no more models than a run of one."""

from __future__ import annotations

import weakref
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rlaif.engines.local.engine import HfEngine
from rlaif.engines.open import open_engine
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.models import open_engines
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run

RECIPE = """\
name: tiny
models: {{policy: {policy}, judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}, held_out: {prompts}}}
rounds: 1
round:
  - {{step: sample, n: 4, prompts: 6, max_tokens: 24}}
  - {{step: judge}}
  - {{step: pairs, critique: false}}
  - {{step: train, beta: 0.2, steps: 2, batch_size: 4, learning_rate: 2.0e-3}}
  - {{step: evaluate, gold: true, against: [initial, previous], prompts: 6}}
"""


class Loaded:
    """The weights that engines have loaded, and how many of them were in memory at once."""

    def __init__(self) -> None:
        self.weights: list[weakref.ref[Any]] = []
        self.names: Counter[str] = Counter()
        self.most = 0

    @property
    def now(self) -> int:
        return sum(each() is not None for each in self.weights)

    def open(self, name: str, **how: Any) -> Any:
        engine = open_engine(name, **how)
        self.names[name] += 1
        if isinstance(engine, HfEngine):
            self.weights.append(weakref.ref(engine._scorer.model))
        self.most = max(self.most, self.now)
        return engine


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    found = Loaded()
    monkeypatch.setattr(open_engines, "open_engine", found.open)
    return found


@pytest.fixture
def recipe(tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path) -> Path:
    path = tmp_path / "tiny-recipe.yaml"
    path.write_text(RECIPE.format(policy=mini, judge=judge, constitution=constitution, prompts=prompts))
    return path


def play(recipe: Path, rounds: int) -> Finished:
    out = recipe.parent / f"rounds-{rounds}" / "loop"
    store = out.with_name("store.sqlite")  # neither run finds the other's calls and steps
    return run(
        prepare_recipe(RunConfig(recipe=str(recipe), out=out, store=store, overrides={"rounds": str(rounds)}))
    )


def test_more_rounds_hold_no_more_models_and_load_none_twice(recipe: Path, loaded: Loaded) -> None:
    rounds = 3
    play(recipe, 1)
    one, loaded.most = loaded.most, 0
    assert loaded.now == 0
    loaded.names.clear()
    done = play(recipe, rounds)
    assert [row["round"] for row in done.rounds] == list(range(rounds + 1))
    assert loaded.most == one
    assert loaded.now == 0
    assert set(loaded.names.values()) == {1}
    assert sum("models/round-" in name for name in loaded.names) == rounds


def test_a_finished_run_is_read_without_loading_a_trained_model(recipe: Path, loaded: Loaded) -> None:
    first = play(recipe, 2)
    loaded.names.clear()
    again = play(recipe, 2)
    assert again.rounds == first.rounds
    assert not [name for name in loaded.names if "models/round-" in name]
