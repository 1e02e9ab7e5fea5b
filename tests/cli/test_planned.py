"""The line of what will be asked: the figures of `--dry-run`, and nothing where there is nothing to say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rlaif.cli import planned
from rlaif.cli.planned import calls_of, plan_first, plan_line
from rlaif.workflows.dry_run.cost import DryRunPlan
from rlaif.workflows.dry_run.engine import ForecastTooLong


def cost(**how: Any) -> dict[str, Any]:
    total: dict[str, Any] = {"calls": 2903, "stored": 0, "stored_tokens": 0, "prompt_least": 156_264}
    total |= {"prompt_most": 1_062_050, "completion_most": 52_224, "cost_least": 0.0, "cost_most": 1.5}
    return {"models": {}, "currency": "USD", "total": total | how}


def test_calls_tokens_and_cost_are_said_as_the_forecast_counts_them() -> None:
    assert plan_line(cost()) == (
        "plan: at most 2,903 calls (156k to 1.06M tokens sent, at most 52.2k written, USD 0.00 to 1.50)"
    )


def test_what_has_no_price_and_what_the_store_holds_is_said() -> None:
    line = plan_line(cost(cost_least=None, cost_most=None, stored=40, completion_most=0, prompt_most=156_264))
    assert line == "plan: at most 2,903 calls (156k tokens sent, no price known); 40 more are in the store"
    assert plan_line(cost(calls=0, stored=40)) == "plan: nothing new to ask, 40 calls are in the store"
    assert plan_line(cost(calls=0)) == ""


def test_the_bar_ends_at_all_calls_the_stored_ones_among_them() -> None:
    assert calls_of(DryRunPlan([], cost(stored=40))) == 2943
    assert calls_of(None) is None


def test_a_forecast_that_takes_too_long_is_done_without(capsys: pytest.CaptureFixture[str]) -> None:
    def endless() -> DryRunPlan:
        raise ForecastTooLong

    assert plan_first(endless) is None
    assert "--dry-run counts" in capsys.readouterr().err


def test_nothing_is_counted_where_nobody_reads_it_or_the_run_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> DryRunPlan:
        raise AssertionError

    assert plan_first(refused, quiet=True) is None
    monkeypatch.setattr(planned, "_is_done", lambda out: True)
    assert plan_first(refused, Path("runs/r1")) is None
