"""Conditional training: steps of the recipe good-bad-sft at several seeds; gold of answers asked for by each tag.

    python benchmarks/experiments/conditional_training.py [--seeds 3]

A policy imitates its own good and bad answers, each under its tag (2302.08582). Held-out prompts are then asked under
the good tag and under the bad one: gold should be far higher under the first. Gold measures and chooses nothing.
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
from rlaif.feedback.system_turn import tag_line
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
TRAINING = {"epochs": 10, "batch_size": 16, "learning_rate": 1e-3}


def trained(work: Path, seed: int, prompts: int) -> Path:
    """The run of a seed: the recipe's steps up to the training, since gold alone is measured."""
    steps = [
        {"step": "sample", "n": 6, "prompts": prompts},
        {"step": "judge", "protocol": "checklist"},
        {"step": "examples", "condition": "tag", "good": GOOD, "bad": BAD},
        {"step": "train", "method": "sft", **TRAINING},
    ]
    out = work / "conditional_training" / f"seed-{seed}-{prompts}"
    overrides = {"seed": str(seed), "quick": "{}", "round": json.dumps(steps)}
    return run(prepare_recipe(RunConfig(recipe=RECIPE, out=out, overrides=overrides))).run


def gold_under(work: Path, policy: str, side: Any, graded: int, seed: int) -> float:
    """Mean gold of one answer at temperature 1 to each of the first held-out prompts under a tag."""
    constitution = load_principles(CONSTITUTION)
    models = ModelPool(ModelOptions(), seed=seed)
    with Store.open(work / "conditional_training.sqlite") as store:
        models.record(store, "")
        asked = read_prompts("micro:held-out")[:graded]
        drawn = draw(models, [policy], asked, 1, SAMPLING, seed, tag_line(side)).drawn
    graded_ones = (share_met(grade(prompt, said, constitution)) for prompt, said in drawn)
    return float(np.mean([each for each in graded_ones if each is not None]))


def measured(work: Path, seed: int, prompts: int, graded: int) -> dict[str, Any]:
    """Gold under both tags, before any training and after it, and what was learned."""
    place = trained(work, seed, prompts)
    policies = {"before": "micro", "after": str(place / "models" / "round-1")}
    found: dict[str, Any] = {
        f"{when}, {side} tag": gold_under(work, policy, side, graded, seed)
        for when, policy in policies.items()
        for side in ("good", "bad")
    }
    rows = json.loads((place / "rounds.json").read_text())
    return {**found, "examples": rows[1]["kinds"]}


def main() -> None:
    """Train a policy a seed."""
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
    rows = []
    for seed in range(chosen.seeds):

        def row(seed: int = seed) -> dict[str, Any]:
            return measured(chosen.work, seed, chosen.prompts, chosen.graded)

        rows.append(results.row({"seed": seed}, row))
    if len(rows) > 1:
        results.criterion(
            method="Conditional training",
            criterion="gold of answers under the good tag is above that under the bad tag (difference)",
            values=[each["after, good tag"] - each["after, bad tag"] for each in rows],
            rule="above 0",
            model="micro",
        )
    names = [name for name in rows[0] if name.endswith("tag")]
    results.save(**{name: float(np.mean([each[name] for each in rows])) for name in names})


if __name__ == "__main__":
    main()
