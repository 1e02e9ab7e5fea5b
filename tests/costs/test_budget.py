"""Budgets: what is counted when, what is refused, and what a command does when one is used up."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.costs import Budget, read_budget, read_prices
from rlaif.engines.kinds import price_of
from rlaif.errors import BudgetError, InputError
from rlaif.records import Usage
from rlaif.store import Store


def test_limits_are_read_with_units_and_refused_with_the_reason() -> None:
    assert read_budget("calls=1_000, tokens=2e6,money=5,minutes=0.5") == {
        "calls": 1000, "tokens": 2e6, "money": 5, "minutes": 0.5,
    }  # fmt: skip
    for wrong in (
        "",
        "calls",
        "calls=0",
        "calls=-3",
        "calls=nan",
        "tokens=inf",
        "pounds=3",
        "calls=1,calls=2",
    ):
        with pytest.raises(InputError, match="--budget"):
            read_budget(wrong)


def test_calls_are_never_passed_and_the_others_stop_what_has_not_begun() -> None:
    budget = Budget(limits={"calls": 3, "tokens": 10})
    assert budget.room(5) == 3
    budget.start(2)
    assert budget.room(5) == 1
    budget.spend("m", Usage(prompt_tokens=9))
    assert budget.room(1) == 1
    budget.spend("m", Usage(completion_tokens=1))
    assert budget.room(1) == 0
    assert isinstance(budget.stop(), BudgetError)
    assert "10 of 10 tokens" in str(budget.stop())


def test_money_is_that_of_the_table_and_needs_a_price() -> None:
    budget = Budget(limits={"money": 1.0}, price_of=partial(price_of, read_prices()))
    budget.spend("openai:http://x/v1#gpt-4o", Usage(prompt_tokens=200_000, completion_tokens=50_000))
    assert budget.money == pytest.approx(1.0)
    assert budget.room(1) == 0
    with pytest.raises(InputError, match="has no price"):
        budget.require_price("openai:http://x/v1#unheard-of")


def test_minutes_run_from_the_first_call() -> None:
    now = [100.0]
    budget = Budget(limits={"minutes": 1}, clock=lambda: now[0])
    assert budget.room(1) == 1
    now[0] += 59
    assert budget.room(1) == 1
    now[0] += 1
    assert budget.room(1) == 0


@pytest.mark.parametrize("limit", ["calls=40", "tokens=900", "minutes=0.000001"])
def test_a_command_stops_with_exit_1_keeps_what_is_done_and_goes_on(
    limit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["generate", "--limit", "2", "--n", "2", "--max-tokens", "24", "--out", str(tmp_path / "r")]
    command += ["--min-pair-share", "0"]
    stops = 0
    while (status := main([*command, "--budget", limit])) == 1 and stops < 40:
        stops += 1
        assert "budget is used up" in capsys.readouterr().err
        assert not (tmp_path / "r/run.json").exists()
        if stops == 4 and not limit.startswith("calls"):
            break
    with Store.open(tmp_path / ".rlaif/store.sqlite") as store:
        done = store.counts()["calls"]
    assert stops >= 2
    capsys.readouterr()
    assert main([*command, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    # what a budget let through was not paid for again
    assert (made["calls"]["reused"] >= done) if limit.startswith("calls") else made["calls"]["new"] > 0
    if limit.startswith("calls"):
        assert status == 0
        assert done <= 40 * (stops + 1)


def test_money_without_a_price_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "policy.jsonl"
    rows.write_text('{"contains": [], "texts": ["4"]}\n')
    table = tmp_path / "prices.yaml"
    table.write_text("currency: EUR\nmodels: []\n")
    command = ["generate", "--policy", f"script:{rows}", "--judge", "micro", "--prompts", "micro:train"]
    command += ["--constitution", "micro-default", "--out", str(tmp_path / "r")]
    assert main([*command, "--budget", "money=1", "--prices", str(table)]) == 2
    assert "has no price" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()
