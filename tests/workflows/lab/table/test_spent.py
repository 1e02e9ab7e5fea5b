from __future__ import annotations

import json
from pathlib import Path

from rlaif.workflows.configs import RunConfig
from rlaif.workflows.lab.table.spent import spent
from rlaif.workflows.recipe.prepare import prepare_recipe


def note(run: Path, name: str, calls: int, tokens: int) -> None:
    path = run / "steps" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"spent": {"calls": calls, "tokens": tokens, "money": 0.0}}))


def test_rollouts_are_answers_calls_of_a_training_are_a_judges_and_measuring_is_no_part(
    tmp_path: Path,
) -> None:
    overrides = {"round.rl.steps": "3", "round.rl.batch_size": "4", "round.rl.n": "2"}
    prepared = prepare_recipe(RunConfig(recipe="direct-rlaif", out=tmp_path, overrides=overrides))
    assert spent(prepared, tmp_path) == {"answers": 0, "judge_calls": 0, "tokens": 0}
    note(tmp_path, "round-1/rl", 100, 5000)
    note(tmp_path, "round-1/evaluate", 77, 7000)
    assert spent(prepared, tmp_path) == {"answers": 24, "judge_calls": 100, "tokens": 5000}


def test_calls_of_steps_that_make_answers_are_answers(tmp_path: Path) -> None:
    prepared = prepare_recipe(RunConfig(recipe="smoke", out=tmp_path))
    note(tmp_path, "round-1/sample", 96, 900)
    note(tmp_path, "round-1/judge", 50, 100)
    assert spent(prepared, tmp_path) == {"answers": 96, "judge_calls": 50, "tokens": 1000}
