"""A draw that fails costs itself alone: the other prompts are judged and paired, in each command that draws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rlaif.cli.main import cli
from tests.workflows.conftest import GREETS, SILENT, Write, asked

OPEN = [1, 2, 3, 4, 5, 6, 7]
"""Prompts that the policy answers; it has no row for prompt 0."""


@pytest.fixture
def hurt(script: Write) -> str:
    texts = [GREETS, SILENT, GREETS, SILENT]
    return script("hurt", [{"contains": [asked(n)], "texts": texts} for n in OPEN])


@pytest.fixture
def call(tmp_path: Path, judge: str, prompts: Path, constitution: Path) -> Any:
    def run(command: str, *more: str, code: int = 0) -> Any:
        shared = [
            "--judge",
            judge,
            "--constitution",
            str(constitution),
            "--store",
            str(tmp_path / "s.sqlite"),
        ]
        given = [command, *shared, "--prompts", str(prompts), *more]
        done = CliRunner().invoke(cli, given)
        assert done.exit_code == code, done.output
        return done

    return run


def test_a_failed_draw_leaves_the_other_prompts_their_pairs(call: Any, hurt: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = call("generate", "--policy", hurt, "--n", "4", "--drift", "0", "--out", str(out), "--json")
    assert "4 of 32 draws failed, the first with: " in done.stderr
    assert "no row has a text for this (prompt 'I am Ben. What is 0 plus 2?')" in done.stderr
    found = json.loads(done.stdout)
    assert found["pairs"] == len(OPEN)
    funnel = found["funnel"]
    assert (funnel["prompts"], funnel["completions"], funnel["failed draws"]) == (8, 28, 4)
    assert funnel["no pair: draw_failed"] == 1
    assert funnel["candidates"] == funnel["kept"] + 1
    assert len((out / "completions.jsonl").read_text().splitlines()) == 28
    again = call("generate", "--policy", hurt, "--n", "4", "--drift", "0", "--out", str(out), "--json")
    assert json.loads(again.stdout)["funnel"] == funnel


def test_the_report_and_the_audit_name_what_failed(call: Any, hurt: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    call("generate", "--policy", hurt, "--n", "4", "--drift", "0", "--out", str(out))
    kept = json.loads((out / "run.json").read_text())["summary"]
    assert any("4 of 32 draws failed" in each for each in kept["warnings"])
    assert "no row has a text for this" in (out / "report.html").read_text()


def test_most_draws_failing_stops_with_the_reason(call: Any, script: Write, tmp_path: Path) -> None:
    few = script("few", [{"contains": [asked(1)], "texts": [GREETS, SILENT]}])
    done = call(
        "generate", "--policy", few, "--n", "2", "--drift", "0", "--out", str(tmp_path / "run"), code=1
    )
    assert "14 of 16 draws failed, the first with: " in str(done.exception)
    assert "no row has a text for this" in str(done.exception)


def test_an_evaluation_goes_on_without_the_unanswered_prompt(call: Any, hurt: str, script: Write) -> None:
    whole = script("whole", [{"texts": [SILENT]}])
    done = call("evaluate", "--policy", hurt, "--against", whole, "--json")
    [rate] = json.loads(done.stdout)["win_rates"]
    assert (rate["wins"], rate["failed"], rate["win_rate"]) == (len(OPEN), 1, 1.0)
    assert "1 of 8 draws failed" in done.stderr


def test_a_policy_whose_draws_never_differ_is_told_of(call: Any, script: Write, tmp_path: Path) -> None:
    sure = script("sure", [{"texts": [SILENT]}])
    given = ["--policy", sure, "--temperature", "1", "--drift", "0", "--out", str(tmp_path / "run")]
    done = call("generate", "--n", "2", *given, "--min-pair-share", "0", "--full")
    assert "all completions of a prompt are one text, for each of 8 prompts" in done.stderr


def test_draws_that_differ_for_one_prompt_are_no_sign(
    call: Any, script: Write, prompts: Path, tmp_path: Path
) -> None:
    rows = [{"contains": [asked(3)], "texts": [GREETS, SILENT]}, {"texts": [SILENT]}]
    given = ["--policy", script("one", rows), "--n", "2", "--drift", "0", "--out", str(tmp_path / "run")]
    assert "all completions of a prompt" not in call("generate", *given).stderr
