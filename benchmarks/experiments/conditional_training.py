"""Conditional training: steps of the recipe good-bad-sft at several seeds; gold of answers asked for by each tag.

    python benchmarks/experiments/conditional_training.py [--seeds 3]

A policy imitates its own good and bad answers, each under a system turn or a tag that says which (2302.08582). Then
held-out prompts are asked under the good one and under the bad one: gold should be far higher under the first. Gold
measures and chooses nothing. The bundled model knows such system turns from its curriculum, and no tag: the difference
before the training is there for that.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from micro_pool import SAMPLING, bundled
from results import Results, options

from rlaif.constitution import load_principles
from rlaif.exchange.prompts import read_prompts
from rlaif.feedback.system_turn import SystemTurn, system_turn, tag_line
from rlaif.store import Store
from rlaif.workflows.configs import ModelOptions, RunConfig
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.models.gold import grade, share_met
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run

RECIPE, CONSTITUTION = "good-bad-sft", "micro-default"
GOOD, BAD = 0.65, 0.45
"""Scores from which on an answer is good, and up to which it is bad."""
CONDITIONS = ("system", "tag")
TRAINING = {"epochs": 3, "batch_size": 16, "learning_rate": 1e-3}


def trained(work: Path, condition: str, seed: int, prompts: int) -> Path:
    """The run of a seed: the recipe's steps up to the training, since gold alone is measured."""
    steps = [
        {"step": "sample", "n": 6, "prompts": prompts},
        {"step": "judge", "protocol": "checklist"},
        {"step": "examples", "condition": condition, "good": GOOD, "bad": BAD},
        {"step": "train", "method": "sft", **TRAINING},
    ]
    out = work / "conditional_training" / f"{condition}-{seed}-{prompts}"
    overrides = {"seed": str(seed), "quick": "{}", "round": json.dumps(steps)}
    return run(prepare_recipe(RunConfig(recipe=RECIPE, out=out, overrides=overrides))).run


def gold_under(work: Path, policy: str, turn: SystemTurn | None, graded: int, seed: int) -> float:
    """Mean gold of one answer at temperature 1 to each of the first held-out prompts under a turn."""
    constitution = load_principles(CONSTITUTION)
    models = ModelPool(ModelOptions(), seed=seed)
    with Store.open(work / "conditional_training.sqlite") as store:
        models.record(store, "")
        asked = read_prompts("micro:held-out")[:graded]
        drawn = draw(models, [policy], asked, 1, SAMPLING, seed, turn).drawn
    graded_ones = (share_met(grade(prompt, said, constitution)) for prompt, said in drawn)
    return float(np.mean([each for each in graded_ones if each is not None]))


def measured(work: Path, condition: str, seed: int, prompts: int, graded: int) -> dict[str, Any]:
    """Gold under both, before any training and after it, and what was learned."""
    place = trained(work, condition, seed, prompts)
    constitution = load_principles(CONSTITUTION)
    turns = {
        side: tag_line(side) if condition == "tag" else system_turn(side, constitution)  # type: ignore[arg-type]
        for side in ("good", "bad")
    }
    policies = {"before": "micro", "after": str(place / "models" / "round-1")}
    found: dict[str, Any] = {
        f"{when}, {side}": gold_under(work, policy, turn, graded, seed)
        for when, policy in policies.items()
        for side, turn in turns.items()
    }
    rows = json.loads((place / "rounds.json").read_text())
    return {**found, "examples": rows[1]["kinds"]}


def main() -> None:
    """Train a policy a condition and seed."""
    parser = options(__doc__)
    for name, value in (("seeds", 3), ("prompts", 60), ("graded", 150)):
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = parser.parse_args()
    setting = {name: getattr(chosen, name) for name in ("prompts", "graded")}
    results = Results(
        "conditional_training",
        {**setting, "good": GOOD, "bad": BAD, **TRAINING, "models": bundled()},
        chosen.results,
    )
    for condition in CONDITIONS:
        rows = []
        for seed in range(chosen.seeds):

            def row(condition: str = condition, seed: int = seed) -> dict[str, Any]:
                return measured(chosen.work, condition, seed, chosen.prompts, chosen.graded)

            rows.append(results.row({"condition": condition, "seed": seed}, row))
        if len(rows) > 1:
            results.criterion(
                method="Conditional training",
                criterion=f"gold of answers asked for as good is above that of those asked for as bad, by {condition}",
                values=[each["after, good"] - each["after, bad"] for each in rows],
                rule="above 0",
                model="micro",
            )
    results.save(**figures(list(results.rows.values())))


def figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over the seeds of each condition."""
    return {
        f"{condition}: {when}, {side}": float(
            np.mean([each[f"{when}, {side}"] for each in rows if each["condition"] == condition])
        )
        for condition in CONDITIONS
        for when in ("before", "after")
        for side in ("good", "bad")
    }


if __name__ == "__main__":
    main()
