"""`--dry-run`: what it foretells is held against hand counts, and against the run that follows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.workflows.configs import EvaluateConfig, GenerateConfig, JudgeConfig, RunConfig
from rlaif.workflows.dry_run.evaluation import forecast as evaluation_forecast
from rlaif.workflows.dry_run.generate import forecast
from rlaif.workflows.dry_run.recipe import forecast as loop_forecast
from rlaif.workflows.evaluation.run import evaluate
from rlaif.workflows.generate.run import generate, judge
from rlaif.workflows.models.defaults import choose_evaluate, choose_generate, choose_judge
from rlaif.workflows.recipe.prepare import prepare_recipe
from tests.workflows.conftest import CONSTITUTION

MICRO = {"policy": ("micro",), "judge": "micro", "constitution": "micro-default", "prompts": "micro:train"}
RECIPE = """\
name: two
models: {policy: micro, judge: previous}
constitution: CONSTITUTION
prompts: {train: micro:train, held_out: micro:held-out}
rounds: 2
round:
  - {step: sample, n: 3, prompts: 2, max_tokens: 16}
  - {step: judge, protocol: checklist}
  - {step: pairs, pairing: all, then: compare, critique: false}
  - {step: train, method: dpo, steps: 1}
  - {step: evaluate, on: held_out, prompts: 2, gold: true, against: [initial]}
"""


def sent(store: Path) -> int:
    with sqlite3.connect(store) as database:
        return int(database.execute("SELECT sum(prompt_tokens) FROM calls").fetchone()[0])


def calls(found: Mapping[str, Any]) -> dict[str, int]:
    return {name: row["calls"] for name, row in found["models"].items()}


def test_calls_of_a_run_that_has_not_begun_are_counted_before_duplicates(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    """8 prompts of 4 draws, 2 principles: 32 draws; 32 x 2 looks, 8 x 2 x 2 comparisons, 8 critiques."""
    config = GenerateConfig(
        out=tmp_path / "r",
        policy=(policy,),
        judge=judge,
        prompts=str(prompts),
        constitution=str(constitution),
        n=4,
    )
    found = forecast(choose_generate(config))
    assert calls(found) == {policy: 32, judge: 64 + 32 + 8}
    assert found["total"]["completion_most"] == 32 * 256 + 64 + 32 + 8 * 128
    assert not (tmp_path / "r").exists()
    assert not (tmp_path / ".rlaif").exists()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[GenerateConfig, dict[str, Any], Any]:
    """A run of the bundled model, and what was foretold of it."""
    place = tmp_path_factory.mktemp("ran")
    config = choose_generate(GenerateConfig(out=place / "r", n=3, limit=3, max_tokens=48, **MICRO))  # type: ignore[arg-type]
    foretold = forecast(config)
    return config, foretold, generate(config)


def test_the_run_that_follows_makes_no_more_calls_and_stays_within_the_bounds(
    ran: tuple[GenerateConfig, dict[str, Any], Any],
) -> None:
    config, foretold, made = ran
    total = foretold["total"]
    assert total["calls"] >= made.calls["new"] > 0.8 * total["calls"]
    assert total["prompt_least"] <= sent(config.out.parent / ".rlaif/store.sqlite") <= total["prompt_most"]


def test_what_is_done_costs_nothing_and_is_known_exactly(
    ran: tuple[GenerateConfig, dict[str, Any], Any],
) -> None:
    config, _, made = ran
    total = forecast(config)["total"]
    assert (total["calls"], total["prompt_most"], total["cost_most"]) == (0, 0, 0)
    assert total["stored"] == made.calls["new"]
    with sqlite3.connect(config.out.parent / ".rlaif/store.sqlite") as database:
        tokens = database.execute("SELECT sum(prompt_tokens + completion_tokens) FROM calls").fetchone()[0]
    assert total["stored_tokens"] == tokens


@pytest.mark.parametrize("pairing", ["all", "random"])
def test_of_completions_that_are_there_calls_and_tokens_are_exact(
    ran: tuple[GenerateConfig, dict[str, Any], Any], pairing: Any, tmp_path: Path
) -> None:
    config = JudgeConfig(
        source=ran[0].out, out=tmp_path / "j", judge="micro:weak", constitution="micro-default",
        pairing=pairing, critique=False, min_pair_share=0.0,
    )  # fmt: skip
    chosen = choose_judge(config)
    total = forecast(chosen)["total"]
    made = judge(chosen)
    assert total["calls"] == made.calls["new"]
    assert total["prompt_least"] == total["prompt_most"] == sent(tmp_path / ".rlaif/store.sqlite")


@pytest.mark.parametrize("pairing", ["best-worst", "rank"])
def test_where_the_judge_chooses_the_tokens_are_bounded(
    ran: tuple[GenerateConfig, dict[str, Any], Any], pairing: Any, tmp_path: Path
) -> None:
    config = JudgeConfig(
        source=ran[0].out, out=tmp_path / "j", judge="micro:weak", constitution="micro-default",
        pairing=pairing, critique=True, min_pair_share=0.0,
    )  # fmt: skip
    chosen = choose_judge(config)
    total = forecast(chosen)["total"]
    made = judge(chosen)
    assert made.calls["new"] <= total["calls"] <= made.calls["new"] + made.funnel["candidates"]
    assert total["prompt_least"] < total["prompt_most"]
    assert sent(tmp_path / ".rlaif/store.sqlite") <= total["prompt_most"]


def test_the_calls_of_an_evaluation_are_forecast(tmp_path: Path) -> None:
    config = choose_evaluate(
        EvaluateConfig(
            policy="micro",
            against=("micro:weak",),
            judge="micro",
            constitution="micro-default",
            prompts="micro:held-out",
            limit=3,
            max_tokens=32,
            out=tmp_path / "e",
        )
    )
    before = evaluation_forecast(config)
    assert before["models"]["micro:weak"]["calls"] == 3
    done = evaluate(config)
    assert before["total"]["calls"] == sum(done.calls.values())
    after = evaluation_forecast(config)
    assert (after["total"]["calls"], after["total"]["stored"]) == (0, done.calls["new"])


def test_the_rounds_of_a_recipe_are_forecast_with_models_that_are_yet_to_be_trained(tmp_path: Path) -> None:
    """Two rules for every prompt. A round: 2 x 3 draws, 6 x 2 looks, 2 x 3 pairs x 2 orders x 2 comparisons.

    An evaluation of 2 prompts: 2 + 2 draws and 4 looks; against the first policy 2 pairs x 2 x 2 comparisons, its own
    2 draws (stored by round 0), 2 + 2 log-probabilities for the KL, and 4 looks of the first judge.
    """
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "rules.yaml").write_text(CONSTITUTION)
    recipe = tmp_path / "pipelines/two.yaml"
    recipe.write_text(RECIPE.replace("CONSTITUTION", str(tmp_path / "rules.yaml")))
    found = loop_forecast(prepare_recipe(RunConfig(recipe=str(recipe), out=tmp_path / "out")))
    first, last = str(tmp_path / "out/models/round-1"), str(tmp_path / "out/models/round-2")
    sampled, looked, compared = 6, 12, 2 * 3 * 2 * 2
    measured = {"own": 4 + 4 + 2 + 8, "first": 2 + 4}
    assert calls(found) == {
        "micro": 4 + 4 + sampled + looked + compared + 2 * measured["first"],
        first: measured["own"] + sampled + looked + compared,
        last: measured["own"],
    }
    assert found["models"][first]["cost_most"] == 0
    assert not (tmp_path / "out").exists()


COMMANDS = [
    ["generate", "--limit", "2", "--n", "2", "--out", "g"],
    ["evaluate", "--policy", "micro", "--against", "micro:weak", "--judge", "micro",
     "--limit", "2", "--prompts", "micro:train"],
    ["run", "self-rewarding", "--limit", "2", "--set", "rounds=1", "--out", "l"],
    ["judge", "check", "--judge", "micro", "--limit", "2"],
    ["judge", "texts.jsonl", "--judge", "micro", "--constitution", "micro-default", "--out", "j"],
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: " ".join(each[:2]))
def test_every_command_that_judges_tells_its_plan_as_json_and_writes_nothing(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"prompt": "What is 2 plus 2?", "completion": text} for text in ("4", "It is 4.")]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main([*command, "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["dry_run"] is True
    assert told["currency"] == "USD"
    assert told["steps"]
    assert told["total"]["calls"] > 0
    assert 0 < told["total"]["prompt_least"] <= told["total"]["prompt_most"]
    assert [path.name for path in tmp_path.iterdir()] == ["texts.jsonl"]


def test_the_check_of_a_judge_is_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["judge", "check", "--judge", "micro", "--limit", "4", "--retest", "0", "--json"]
    assert main([*command, "--dry-run"]) == 0
    total = json.loads(capsys.readouterr().out)["total"]
    assert main([*command, "--ignore-flags"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert total["calls"] == done["calls"]["new"]
    assert total["prompt_least"] == total["prompt_most"] == done["tokens"]["new"]


def test_a_price_of_ones_own_is_what_it_costs(
    tmp_path: Path,
    policy: str,
    judge: str,
    prompts: Path,
    constitution: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = tmp_path / "prices.yaml"
    table.write_text(f"currency: EUR\nmodels:\n  - {{model: '{policy}', prompt: 0, completion: 1000}}\n")
    command = [
        "generate",
        "--policy",
        policy,
        "--judge",
        judge,
        "--prompts",
        str(prompts),
        "--n",
        "2",
        "--dry-run",
    ]
    command += ["--constitution", str(constitution), "--out", str(tmp_path / "r"), "--prices", str(table)]
    assert main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["models"][policy]["cost_most"] == pytest.approx(16 * 256 * 1000 / 1e6)
    assert told["models"][judge]["cost_most"] is None
    assert told["total"]["cost_most"] is None
    assert main(command) == 0
    assert "EUR 0.00 to 4.10" in (said := capsys.readouterr().out)
    assert "no price known" in said
