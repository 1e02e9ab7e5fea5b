"""Conditional training: the recipe good-bad-sft at several seeds; gold of answers asked for by each tag.

    python benchmarks/experiments/conditional_training.py [--seeds 3]

A policy imitates its own good and bad answers, each under its tag (2302.08582). Held-out prompts are then asked under
the good tag and under the bad one: gold should be far higher under the first. Gold measures and chooses nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from micro_pool import bundled
from results import Results, options

from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run

RECIPE = "good-bad-sft"
BAD, GOOD = 4, 5
"""Places of the evaluations under the two tags in the recipe's round."""


def asked(work: Path, seed: int, prompts: int, graded: int, epochs: int) -> dict[str, Any]:
    """Gold under both tags, before any training and after it, and how many examples were learned."""
    out = work / "conditional_training" / f"seed-{seed}-{prompts}-{graded}-{epochs}"
    overrides = {
        "seed": str(seed),
        "round.sample.prompts": str(prompts),
        "round.train.epochs": str(epochs),
        f"round.{BAD}.prompts": str(graded),
        f"round.{GOOD}.prompts": str(graded),
        f"round.{GOOD}.against": "[]",
    }
    run(prepare_recipe(RunConfig(recipe=RECIPE, out=out, overrides=overrides)))

    def gold(number: int, name: str) -> float:
        return float(json.loads((out / f"round-{number}" / name).read_text())["gold_mean"])

    rows = json.loads((out / "rounds.json").read_text())
    bad, good = "evaluation.json", "evaluate-2.evaluation.json"
    return {
        "before, good tag": gold(0, good),
        "before, bad tag": gold(0, bad),
        "good tag": gold(1, good),
        "bad tag": gold(1, bad),
        "examples": rows[1]["kinds"],
    }


def main() -> None:
    """Train a policy a seed."""
    parser = options(__doc__)
    for name, value in (("seeds", 3), ("prompts", 150), ("graded", 80), ("epochs", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = parser.parse_args()
    setting = {name: getattr(chosen, name) for name in ("prompts", "graded", "epochs")} | {
        "recipe": RECIPE,
        "models": bundled(),
    }
    results = Results("conditional_training", setting, chosen.results)
    rows = [
        results.row(
            {"seed": seed},
            lambda seed=seed: asked(chosen.work, seed, chosen.prompts, chosen.graded, chosen.epochs),
        )
        for seed in range(chosen.seeds)
    ]
    if len(rows) > 1:
        results.criterion(
            method="Conditional training",
            criterion="gold of answers under the good tag is above that under the bad tag (difference)",
            values=[row["good tag"] - row["bad tag"] for row in rows],
            rule="above 0",
            model="micro",
        )
    names = ("before, good tag", "before, bad tag", "good tag", "bad tag")
    results.save(**{name: sum(row[name] for row in rows) / len(rows) for name in names})


if __name__ == "__main__":
    main()
