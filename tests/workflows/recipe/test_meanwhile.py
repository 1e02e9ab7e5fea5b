"""Measuring while the next policy trains: the same rows, texts and weights as one after the other, whatever fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest

from rlaif.engines.local.process_worker import Errand
from rlaif.engines.local.processes import Processes, Shard
from rlaif.records import Message, Prompt
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe import meanwhile as module
from rlaif.workflows.recipe.meanwhile import Meanwhile, may_postpone
from rlaif.workflows.recipe.prepare import settle
from rlaif.workflows.recipe.recipes import EvaluateStep, Recipe, load_recipe
from rlaif.workflows.recipe.run import Finished, run
from tests.workflows.conftest import asked

RECIPE = """\
name: tiny
models: {{policy: {policy}, judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {train}, held_out: {held_out}}}
rounds: 3
round:
  - {{step: sample, n: 4, prompts: 6, max_tokens: 24}}
  - {{step: judge}}
  - {{step: pairs, critique: false}}
  - {{step: train, beta: 0.2, steps: 4, batch_size: 4, learning_rate: {rate}}}
  - {{step: evaluate, gold: true, against: [initial, previous], prompts: 6}}
"""
SAME = (
    "completions.jsonl",
    "judgments.jsonl",
    "comparisons.jsonl",
    "pairs.jsonl",
    "model.safetensors",
    "evaluation.json",
)


@pytest.fixture
def recipe(tmp_path: Path, mini: Path, judge: str, constitution: Path, rate: str) -> Path:
    for name, numbers in (("train", range(8)), ("held_out", range(20, 28))):
        rows = [{"prompt": asked(n), "tags": ["sum"], "gold": "micro"} for n in numbers]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "tiny-recipe.yaml"
    places = {name: tmp_path / f"{name}.jsonl" for name in ("train", "held_out")}
    path.write_text(RECIPE.format(policy=mini, judge=judge, constitution=constitution, rate=rate, **places))
    return path


def play(recipe: Path, out: str, **given: Any) -> Finished:
    place = recipe.parent / out
    return run(
        settle(RunConfig(recipe=str(recipe), out=place / "run", store=place / "store.sqlite", **given))
    )


def contents(folder: Path) -> dict[str, bytes]:
    found = {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.name in SAME
    }
    return found | {"rounds.json": (folder / "rounds.json").read_bytes()}


@pytest.mark.timing
@pytest.mark.parametrize(("rate", "trained"), [("2.0e-4", ["round-2", "round-3"]), ("2.0e-3", ["round-2"])])
def test_a_run_of_two_processes_is_the_run_of_one_byte_for_byte(
    recipe: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the higher rate all texts of round 3 are alike, and it stops before it trains."""
    begun: list[str] = []
    start, call = Processes._start, Processes.call

    def started(self: Processes) -> None:
        start(self)
        end = time.monotonic() + 300
        while not self.ready and time.monotonic() < end:
            time.sleep(0.02)

    def called(self: Processes, *given: Any) -> Shard:
        begun.append(given[1][0].out.name)
        return call(self, *given)

    monkeypatch.setattr("rlaif.workflows.models.pool.WAVE", 5)
    alone = play(recipe, "alone", workers=1)
    monkeypatch.setattr(Processes, "_start", started)
    monkeypatch.setattr(Processes, "call", called)
    both = play(recipe, "both", workers=2)
    assert begun == trained
    assert both.unmet == alone.unmet
    assert [row["round"] for row in both.rounds] == [0, 1, 2, 3]
    assert both.rounds == alone.rounds
    assert contents(both.run) == contents(alone.run)


class Elsewhere:
    """A process that is nowhere."""

    ready = 1

    def __init__(self, does: Callable[[Shard], None]) -> None:
        self.does = does

    def call(self, call: Any, given: Any, to: SimpleQueue[Shard]) -> Shard:
        shard = Shard(Errand(call, given, ".", 1), to)
        self.does(shard)
        return shard

    def take_back(self, to: SimpleQueue[Shard]) -> Shard | None:
        return None


JOB: Any = SimpleNamespace(method="dpo")
HERE = SimpleNamespace(as_dict=lambda: {"steps": 4, "where": "here"})


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "recipe" not in request.fixturenames:
        monkeypatch.setattr(module, "train", lambda *_: HERE)


def at(processes: Any) -> Meanwhile:
    return Meanwhile(lambda: processes)


def test_what_is_put_off_is_done_while_the_training_runs() -> None:
    told: list[Any] = []
    both = at(
        Elsewhere(lambda shard: told.append("begun") or shard.take_in([{"steps": 4, "where": "there"}]))
    )
    both.postpone(lambda: told.append("measured"))
    both.begin(JOB)
    assert (told, both.waits) == (["begun", "measured"], False)
    assert both.trained(JOB, lambda *what: told.append(what))["where"] == "there"
    assert told[-1] == ("dpo", 4, 4)


def test_where_the_other_process_fails_the_training_runs_here() -> None:
    both = at(Elsewhere(lambda shard: shard.take_in(None)))
    both.postpone(lambda: None)
    both.begin(JOB)
    assert both.trained(JOB, lambda *_: None)["where"] == "here"


def test_a_training_that_nobody_began_is_taken_back() -> None:
    elsewhere = Elsewhere(lambda shard: None)
    both = at(elsewhere)
    both.postpone(lambda: None)
    both.begin(JOB)
    elsewhere.take_back = lambda to: Shard(Errand(print, (), ".", 1), to)  # type: ignore[method-assign]
    assert both.trained(JOB, lambda *_: None)["where"] == "here"


@pytest.mark.parametrize("processes", [None, Elsewhere(lambda shard: None)])
def test_with_nothing_put_off_or_nobody_there_the_training_runs_here(processes: Any) -> None:
    both = at(processes)
    if processes is None:
        both.postpone(lambda: None)
    both.begin(JOB)
    assert both.trained(JOB, lambda *_: None)["where"] == "here"


def shipped() -> Recipe:
    return load_recipe("self-rewarding")


def prompts(*texts: str) -> list[Prompt]:
    return [Prompt(messages=(Message(role="user", content=text),)) for text in texts]


def test_only_what_changes_nothing_may_wait() -> None:
    recipe, train, held_out = shipped(), prompts("a", "b"), prompts("c")
    last = recipe.round[-1]
    assert isinstance(last, EvaluateStep)
    assert [may_postpone(recipe, number, last, held_out, train) for number in range(4)] == [
        False,
        True,
        True,
        False,
    ]
    # a call of the next round could be one of the measuring
    assert not may_postpone(recipe, 1, last, prompts("b"), train)
    stops = replace(recipe, stop=replace(recipe.stop, judge_drift="stop"))
    assert not may_postpone(stops, 1, last, held_out, train)
    twice = replace(recipe, round=(last, *recipe.round[:-1], replace(last, prompts=5)))
    assert not may_postpone(twice, 1, twice.round[-1], held_out, train)  # type: ignore[arg-type]
    untrained = replace(recipe, round=(last,))
    assert not may_postpone(untrained, 1, last, held_out, train)
