"""Measuring while the next policy trains: the same rows, texts and weights as one after the other, whatever fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from rlaif.engines.local.process_worker import Errand
from rlaif.engines.local.processes import Processes, ProcessShard
from rlaif.records import Message, Prompt
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.background import Background
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.run import may_postpone, run
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
        prepare_recipe(
            RunConfig(recipe=str(recipe), out=place / "run", store=place / "store.sqlite", **given)
        )
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

    def called(self: Processes, *given: Any) -> ProcessShard:
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

    def __init__(self, does: Callable[[ProcessShard], None]) -> None:
        self.does = does

    def call(self, call: Any, given: Any, to: SimpleQueue[ProcessShard]) -> ProcessShard:
        shard = ProcessShard(Errand(call, given, ".", 1), to)
        self.does(shard)
        return shard

    def take_back(self, to: SimpleQueue[ProcessShard]) -> ProcessShard | None:
        return None


def at(processes: Any) -> Background:
    return Background(lambda: processes)


def test_what_is_put_off_is_done_while_the_training_runs() -> None:
    told: list[Any] = []
    both = at(Elsewhere(lambda shard: told.append("begun") or shard.take_in([{"steps": 4}])))
    both.postpone(lambda: told.append("measured"))
    both.begin(dict, ())
    assert (told, both.has_postponed) == (["begun", "measured"], False)
    assert both.result() == {"steps": 4}
    assert both.result() is None


def test_where_the_other_process_fails_there_is_no_result() -> None:
    both = at(Elsewhere(lambda shard: shard.take_in(None)))
    both.postpone(lambda: None)
    both.begin(dict, ())
    assert both.result() is None


def test_a_training_that_nobody_began_is_taken_back() -> None:
    elsewhere = Elsewhere(lambda shard: None)
    both = at(elsewhere)
    both.postpone(lambda: None)
    both.begin(dict, ())
    elsewhere.take_back = lambda to: ProcessShard(Errand(print, (), ".", 1), to)  # type: ignore[method-assign]
    assert both.result() is None


@pytest.mark.parametrize("processes", [None, Elsewhere(lambda shard: None)])
def test_with_nothing_put_off_or_nobody_there_nothing_is_begun(processes: Any) -> None:
    both = at(processes)
    if processes is None:
        both.postpone(lambda: None)
    both.begin(dict, ())
    assert both.result() is None


def prompts(*texts: str) -> tuple[Prompt, ...]:
    return tuple(Prompt(messages=(Message(role="user", content=text),)) for text in texts)


def shipped(tmp_path: Path, held_out: str = "c", **overrides: str) -> PreparedRecipe:
    named = {name.replace("__", "."): value for name, value in overrides.items()}
    config = RunConfig(recipe="self-rewarding", out=tmp_path / "run", limit=3, overrides=named)
    sets = {"train": prompts("a", "b"), "held_out": prompts(held_out)}
    return replace(prepare_recipe(config), prompts=sets)


def may(prepared: PreparedRecipe, number: int) -> bool:
    return may_postpone(prepared, prepared.round(number)[-1])


def test_only_what_changes_nothing_may_wait(tmp_path: Path) -> None:
    assert [may(shipped(tmp_path), number) for number in range(4)] == [False, True, True, False]
    # a call of the next round could be one of the measuring
    assert not may(shipped(tmp_path, held_out="b"), 1)
    assert not may(shipped(tmp_path, stop__judge_drift="stop"), 1)
    twice = (
        "[{step: evaluate}, {step: sample}, {step: judge}, {step: pairs, critique: false}, "
        "{step: train, method: sft}, {step: evaluate}]"
    )
    assert not may(shipped(tmp_path, round=twice), 1)
    assert not may(shipped(tmp_path, round="[{step: evaluate}]"), 1)
    now_and_then = (
        "[{step: sample}, {step: judge}, {step: pairs}, "
        "{step: train, method: sft, round: first}, {step: evaluate}]"
    )
    assert not may(shipped(tmp_path, round=now_and_then), 1)
