"""What a run took in all: a command that repeats it changes neither its cost nor its time."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from rlaif.runs.claim import claim, read_run
from rlaif.runs.spent import took


def spending(calls: int, reused: int = 0, cost: float | None = 0.5) -> dict[str, Any]:
    models = (
        {"micro": {"calls": calls, "prompt_tokens": 10 * calls, "completion_tokens": calls, "cost": cost}}
        if calls
        else {}
    )
    return {
        "pairs": 3,
        "calls": {"new": calls, "reused": reused, "failed": 0},
        "costs": {"currency": "USD", "models": models, "judges": {}, "principles": {}},
    }


def ended(run: Path, monkeypatch: pytest.MonkeyPatch, begins: float, **spent: Any) -> dict[str, Any]:
    """A command that begins at a time and takes some seconds, each look at the clock one."""
    ticks = count(begins)
    monkeypatch.setattr("rlaif.runs.claim.time.time", lambda: next(ticks))
    with claim(run, {"seed": 0}, command="generate") as held:
        held.finish(spending(**spent))
    return read_run(run)


def test_what_repeats_a_finished_command_keeps_its_cost_calls_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ended(tmp_path, monkeypatch, 1_000.0, calls=134)
    again = ended(tmp_path, monkeypatch, 9_000.0, calls=0, reused=134)
    assert again["summary"]["costs"]["models"] == first["summary"]["costs"]["models"]
    assert again["summary"]["calls"] == {"new": 134, "reused": 0, "failed": 0}
    assert took(again) == took(first) < 10
    assert again["finished"] == first["finished"]


def test_what_a_later_command_asks_too_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ended(tmp_path, monkeypatch, 1_000.0, calls=100)
    again = ended(tmp_path, monkeypatch, 9_000.0, calls=20, reused=104)
    assert again["summary"]["calls"] == {"new": 120, "reused": 4, "failed": 0}
    assert again["summary"]["costs"]["models"]["micro"] == {
        "calls": 120,
        "prompt_tokens": 1200,
        "completion_tokens": 120,
        "cost": 1.0,
    }
    assert again["finished"] > 9_000.0
    # the hours between the two commands were nobody's work
    assert (took(first) or 0) < (took(again) or 0) < 10


def test_a_cost_that_is_unknown_once_is_unknown_in_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(tmp_path, monkeypatch, 1_000.0, calls=1, cost=None)
    again = ended(tmp_path, monkeypatch, 2_000.0, calls=1)
    assert again["summary"]["costs"]["models"]["micro"]["cost"] is None


def test_a_run_of_an_older_version_took_until_its_end() -> None:
    assert took({"started": 10.0, "finished": 14.5}) == 4.5
    assert took({"started": 10.0}) is None
