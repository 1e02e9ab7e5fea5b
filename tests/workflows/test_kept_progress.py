"""Progress is kept for who looks: in a run that is claimed, not more often than anybody reads, and never in the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import DiskError
from rlaif.runs.claim import claim, status
from rlaif.workflows import kept_progress
from rlaif.workflows.kept_progress import EVERY_S, KeptProgress
from rlaif.workflows.progress import ModelCalls, silent


class Clock:
    """A clock that is set by hand."""

    now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


def test_calls_tokens_and_failures_of_all_models_are_summed(tmp_path: Path) -> None:
    clock = Clock()
    with claim(tmp_path / "run", {}, command="generate") as run:
        kept = KeptProgress(run.dir, silent, lambda: {"round": 1, "of": 2, "step": "judge"}, clock)
        kept("calls of a", 10, None, asked=ModelCalls(new=7, reused=3, failed=1, tokens=50, money=0.25))
        clock.now += EVERY_S
        kept("calls of b", 5, None, asked=ModelCalls(new=5, cut=2, tokens=20))
        told = status(run.dir)["progress"]
    assert (told["done"], told["failed"], told["cut_off"], told["tokens"], told["money"]) == (
        15,
        1,
        2,
        70,
        0.25,
    )
    assert (told["round"], told["of"], told["step"], told["at"]) == (1, 2, "judge", clock.now)


def test_it_is_written_no_more_often_than_anybody_reads(tmp_path: Path) -> None:
    clock, heard = Clock(), []

    def also(what: str, done: int, total: int | None, /, **_: Any) -> None:
        heard.append(done)

    with claim(tmp_path / "run", {}, command="generate") as run:
        kept = KeptProgress(run.dir, also, clock=clock)
        for done in range(1, 5):
            kept("steps", done, 9)
            assert json.loads((run.dir / "progress.json").read_text())["done"] == (1 if done < 4 else 4)
            clock.now += EVERY_S / 3 + 0.001
    assert heard == [1, 2, 3, 4]


def test_a_step_that_begins_is_kept_at_once_without_the_counts_of_the_one_before(tmp_path: Path) -> None:
    clock, where = Clock(), {"step": "judge", "done": 48, "total": 56}
    with claim(tmp_path / "run", {}, command="run") as run:
        kept = KeptProgress(run.dir, silent, lambda: where, clock)
        kept("calls of a", 48, None, asked=ModelCalls(new=48, tokens=50))
        where.update(step="train", done=0, total=6)
        clock.now += EVERY_S / 10
        kept.refresh()
        told = status(run.dir)["progress"]
    assert (told["step"], told["done"], told["total"], told["tokens"]) == ("train", 0, 6, 50)


def test_a_place_that_no_command_has_claimed_is_left_alone(tmp_path: Path) -> None:
    KeptProgress(tmp_path / "run", silent)("calls", 1, None)
    KeptProgress(None, silent)("calls", 1, None)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object, **__: object) -> None:
        raise DiskError(str(path))

    monkeypatch.setattr(kept_progress, "write_text", full)
    clock = Clock()
    with claim(tmp_path / "run", {}, command="generate") as run:
        kept = KeptProgress(run.dir, silent, clock=clock)
        kept("calls", 1, None)
        clock.now += EVERY_S
        kept("calls", 2, None)


def test_a_training_keeps_its_steps_in_the_folder_that_goes_when_it_ends(tmp_path: Path) -> None:
    clock = Clock()
    kept = KeptProgress(tmp_path, silent, clock=clock)
    kept("dpo", 0, 10, figures={"loss": 1.0})
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".training").mkdir()
    clock.now += 4
    kept("dpo", 2, 10, figures={"loss": 0.5})
    told = json.loads((tmp_path / ".training" / "progress.json").read_text())
    assert (told["done"], told["total"], told["unit"], told["left_s"]) == (2, 10, "step", 16.0)
