"""Small recipes as experiments run them: a text, a seed, and the rows of its table of rounds, with two more figures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from rlaif.constitution import load_principles
from rlaif.exchange.completions import read_completions
from rlaif.exchange.pairs import read_pairs
from rlaif.hashing import digest
from rlaif.store import Store
from rlaif.workflows.configs import ModelOptions, RunConfig
from rlaif.workflows.evaluation.policy_metrics import read, truths
from rlaif.workflows.evaluation.statistics import accuracy
from rlaif.workflows.models.gold import grade
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run


def folder_of(
    work: Path, name: str, recipe: str, seed: int, *, fixed: bool = False, **overrides: Any
) -> Path:
    """Where the loop of these arguments lies."""
    named = _named(seed, overrides)
    return work / f"{name}-{digest('loop', recipe, sorted(named.items()), fixed)[3:11]}-{seed}"


def _named(seed: int, overrides: dict[str, Any]) -> dict[str, str]:
    return {"seed": str(seed), **{key: str(value) for key, value in overrides.items()}}


def rows_of(
    work: Path, name: str, recipe: str, seed: int, *, fixed: bool = False, **overrides: Any
) -> list[dict[str, Any]]:
    """Run a recipe's text, or go on with it, and return the rows of its table; then remove its models.

    Each row also says the mean gap of the judge's scores in its pairs (`score_gap`) and, with `fixed`, how often the
    round's policy is right as a judge of the first round's completions (`judge_accuracy_fixed`).
    """
    named = _named(seed, overrides)
    folder = folder_of(work, name, recipe, seed, fixed=fixed, **overrides)
    folder.mkdir(parents=True, exist_ok=True)
    file, kept = folder / "recipe.yaml", folder / "rows.json"
    if not kept.is_file():
        file.write_text(recipe)
        store = work / "store.sqlite"
        config = RunConfig(recipe=str(file), out=folder / "run", overrides=named, store=store)
        done = run(prepare_recipe(config))
        rows = [dict(row) | {"score_gap": _gap(folder / "run", row["round"])} for row in done.rounds]
        for row in rows if fixed else ():
            row["judge_accuracy_fixed"] = _right(folder / "run", store, row["round"], "micro")
        kept.write_text(json.dumps(rows))
        shutil.rmtree(folder / "run" / "models", ignore_errors=True)
    found: list[dict[str, Any]] = json.loads(kept.read_text())
    return found


def _gap(folder: Path, number: int) -> float | None:
    file = folder / f"round-{number}" / "pairs.jsonl"
    gaps = [each.score_gap for each in read_pairs(file)] if file.is_file() and file.stat().st_size else []
    known = [each for each in gaps if each is not None]
    return float(np.mean(known)) if known else None


def _right(folder: Path, store: Path, number: int, first: str) -> float | None:
    """Accuracy of a round's policy, as a judge, on the completions that the first policy drew."""
    rules = load_principles("micro-default")
    drawn = read_completions(folder / "round-1" / "now.jsonl")
    trained = folder / "models" / f"round-{number}"
    models = ModelPool(ModelOptions())
    with Store.open(store) as opened:
        models.record(opened, "")
        judge = models.judge(str(trained) if number else first)
        said = judge.checklist(drawn, rules.principles)
    graded = [grade(prompt, each, rules) for prompt, each in drawn]
    return accuracy(read(said), truths([each for _, each in drawn], graded))
