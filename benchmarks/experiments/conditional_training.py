"""Conditional training (2302.08582): steps of the recipe good-bad-sft; gold of answers asked for by each tag.

    python benchmarks/experiments/conditional_training.py [--steps 400] [--place turn] [--pool plain]

A policy imitates good and bad answers, each under a tag that says which; the judge's scores say what is good. Then
held-out prompts are asked under either tag: gold should be far higher under the good one. Gold measures and chooses
nothing. The bundled model knows no tag: what it does under either before the training stands beside.

The pool (`--pool`) is `wide`, answers that `micro` gives under its good and under its bad system turn, or `plain`, its
answers without one, most of which are neither good nor bad. The tag stands (`--place`) in the system turn (`system`) or
is the first line of the user's turn, as the recipe has it (`turn`).
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from micro_pool import SAMPLING, bundled
from results import Results, options

from rlaif.constitution import load_principles
from rlaif.exchange.examples import read_examples
from rlaif.exchange.prompts import read_prompts
from rlaif.feedback.system_turn import TAGS, Side, SystemTurn, tag_line
from rlaif.records import Example, Message
from rlaif.shipped import shipped_model
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
SIDES: tuple[Side, ...] = ("good", "bad")
TRAINING = {"batch_size": 16, "learning_rate": 1.5e-3}
TRIED = (
    "Tried on seed 0 (gold, good - bad): plain pool of 60 prompts, 10 passes over 190 examples, tag in the user turn, "
    "+.018; plain pool of 200 prompts, 4 passes over 631, +.012; wide pool of 100 prompts, 50 steps of 32, +.042; the "
    "last with the tag in the system turn, +.060; then seeds 1 to 3 with 140 steps of 16: +.203, +.716, +.054. "
    "The model has never seen the tag's tokens, and learns to heed them late, then all at once: one seed of three did. "
    "Seeds 4 to 6, on which nothing was chosen, have 400 steps"
)


def turn_of(side: Side, place: str) -> SystemTurn:
    """The tag in its place."""
    return tag_line(side) if place == "turn" else SystemTurn(named="text", text=TAGS[side], side=side)


def examples(work: Path, pool: str, seed: int, prompts: int) -> list[Example]:
    """What is learned, with the tag as the recipe has it: steps up to `examples`."""
    sides = [
        {"step": "sample", "n": 2, "prompts": prompts, "system": side, "as": f"told-{side}"} for side in SIDES
    ]
    wide = [*sides, {"step": "mix", "of": [each["as"] for each in sides], "as": "pool"}]
    plain = [{"step": "sample", "n": 4, "prompts": prompts, "as": "pool"}]
    steps = [
        *(wide if pool == "wide" else plain),
        {"step": "judge", "protocol": "checklist", "of": "pool"},
        {"step": "examples", "of": "pool", "condition": "tag", "good": GOOD, "bad": BAD},
    ]
    out = work / "conditional_training" / f"{pool}-{seed}-{prompts}"
    overrides = {"seed": str(seed), "quick": "{}", "round": json.dumps(steps)}
    place = run(prepare_recipe(RunConfig(recipe=RECIPE, out=out, overrides=overrides))).run
    return list(read_examples(place / "round-1" / "examples.jsonl"))


def placed(example: Example, place: str) -> Example:
    """The same with its tag in the system turn, where it is to stand there."""
    if place == "turn":
        return example
    asked, *rest = example.messages
    tag, text = asked.content.split("\n", 1)
    return replace(
        example, messages=(Message(role="system", content=tag), replace(asked, content=text), *rest)
    )


def gold_under(work: Path, policy: str, turn: SystemTurn, graded: int, seed: int) -> float:
    """Mean gold of one answer at temperature 1 to each of the first held-out prompts under a turn."""
    constitution = load_principles(CONSTITUTION)
    models = ModelPool(ModelOptions(), seed=seed)
    with Store.open(work / f"conditional_training-{seed}.sqlite") as store:
        models.record(store, "")
        asked = read_prompts("micro:held-out")[:graded]
        drawn = draw(models, [policy], asked, 1, SAMPLING, seed, turn).drawn
    graded_ones = (share_met(grade(prompt, said, constitution)) for prompt, said in drawn)
    return float(np.mean([each for each in graded_ones if each is not None]))


def measured(chosen: Any, seed: int) -> dict[str, Any]:
    """Gold under both after the training, and what was learned."""
    from rlaif.training import SFTConfig, train_sft

    base, folder = shipped_model("micro"), chosen.work / f"conditional-{chosen.place}-{seed}"
    assert base is not None
    shutil.rmtree(folder, ignore_errors=True)
    learned = [
        placed(each, chosen.place) for each in examples(chosen.work, chosen.pool, seed, chosen.prompts)
    ]
    config = SFTConfig(steps=chosen.steps, checkpoint_every=0, seed=seed, **TRAINING)  # type: ignore[arg-type]
    train_sft(config, learned, policy=base, out=folder, progress=lambda *_: None)
    found = asked_for(chosen, str(folder), seed)
    shutil.rmtree(folder)
    return {**found, "examples": dict(Counter(each.kind for each in learned))}


def asked_for(chosen: Any, policy: str, seed: int) -> dict[str, float]:
    """Gold of what a policy answers under either tag."""
    return {
        side: gold_under(chosen.work, policy, turn_of(side, chosen.place), chosen.graded, seed)
        for side in SIDES
    }


def main() -> None:
    """Train a policy a seed."""
    parser = options(__doc__)
    for name, value in (("first", 4), ("seeds", 3), ("prompts", 100), ("steps", 400), ("graded", 100)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--place", choices=["system", "turn"], default="system")
    parser.add_argument("--pool", choices=["wide", "plain"], default="wide")
    chosen = parser.parse_args()
    chosen.work = chosen.work.resolve()
    chosen.work.mkdir(parents=True, exist_ok=True)
    setting = {name: getattr(chosen, name) for name in ("prompts", "steps", "graded", "place", "pool")}
    results = Results(
        "conditional_training",
        {**setting, "good": GOOD, "bad": BAD, **TRAINING, "models": bundled()},
        chosen.results,
    )
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    after = [
        results.row({"when": "after", "seed": seed}, lambda seed=seed: measured(chosen, seed))
        for seed in seeds
    ]
    before = [
        results.row({"when": "before", "seed": seed}, lambda seed=seed: asked_for(chosen, "micro", seed))
        for seed in seeds
    ]
    if len(seeds) > 1:
        results.criterion(
            method="Conditional training",
            criterion="gold of answers asked for by the good tag is above that by the bad tag (difference)",
            values=[each["good"] - each["bad"] for each in after],
            rule="above 0",
            model="micro",
            note=TRIED,
        )
    by_time = {"before": before, "after": after}
    results.save(
        **{
            f"{when}, {side}": float(np.mean([each[side] for each in rows]))
            for when, rows in by_time.items()
            for side in SIDES
        }
    )


if __name__ == "__main__":
    main()
