"""Context distillation: does a student without the rules reach what its teacher does that is shown them?

    python benchmarks/experiments/context_distillation.py

`micro` answers train prompts; as it was, shown the constitution in a system turn, it teaches itself on these answers
(`distill`, in four forms), or writes the answers that are imitated without the rules (`sft`). Gold of one answer at
temperature 1 to each held-out prompt: of `micro`, of `micro` shown the rules (the teacher), of each student.
The share is (student - micro) / (teacher - micro), by seed. Gold only measures.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from micro_pool import CONSTITUTION, SAMPLING, bundled
from results import Results, options

from rlaif.constitution import load_principles
from rlaif.exchange.prompts import read_prompts
from rlaif.feedback.system_turn import SystemTurn, system_turn
from rlaif.records import Completion, Example, Prompt
from rlaif.shipped import shipped_model
from rlaif.store import Store
from rlaif.training import DistillConfig, LoopConfig, SFTConfig, train_distill, train_sft
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.models.gold import grade, share_met
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.training.datasets import sampled

RATE, BATCH = 3e-4, 32
WAYS: dict[str, dict[str, Any] | None] = {
    "full": {"form": "full"},
    "full, forward": {"form": "full", "direction": "forward"},
    "jensen-shannon": {"form": "jensen-shannon"},
    "sampled": {"form": "sampled"},
    "sft": None,
}
"""Options of distill; None: imitation of what the teacher writes."""
SHOWN = "full"
"""The way of the recipe, on which the criterion is tried."""


def drawn(
    work: Path, policy: str, prompts: Sequence[Prompt], seed: int, system: SystemTurn | None = None
) -> list[tuple[Prompt, Completion]]:
    """One answer to each prompt."""
    models = ModelPool(ModelOptions(), seed=seed)
    scratch = work / "distillation.sqlite"
    scratch.unlink(missing_ok=True)
    with Store.open(scratch) as store:
        models.record(store, "")
        return draw(models, [policy], prompts, 1, SAMPLING, seed, system).drawn


def gold(work: Path, policy: str, count: int, seed: int, system: SystemTurn | None = None) -> float:
    """Mean gold of the answers to the first held-out prompts."""
    constitution = load_principles(CONSTITUTION)
    found = drawn(work, policy, read_prompts("micro:held-out")[:count], seed, system)
    graded = [share_met(grade(prompt, said, constitution)) for prompt, said in found]
    return float(np.mean([each for each in graded if each is not None]))


def student(
    work: Path, way: str, prompts: Sequence[Prompt], rules: SystemTurn, steps: int, seed: int
) -> Path:
    """A student trained in one of the ways."""
    base = shipped_model("micro")
    assert base is not None
    folder = work / "student"
    shutil.rmtree(folder, ignore_errors=True)
    own = WAYS[way]
    answers = drawn(work, "micro", prompts, seed, rules if own is None else None)
    whole = [(prompt, said) for prompt, said in answers if said.finish == "stop"]
    loop = {"steps": steps, "batch_size": BATCH, "learning_rate": RATE, "seed": seed, "checkpoint_every": 0}
    shared: dict[str, Any] = {
        "policy": base,
        "out": folder,
        "sampled": sampled([said for _, said in whole], whole[0][1].policy),
        "progress": lambda *_: None,
    }
    config: LoopConfig
    if own is None:
        config = SFTConfig(**loop)
        train_sft(
            config, [Example(messages=(*prompt.messages, *said.turns)) for prompt, said in whole], **shared
        )
    else:
        config = DistillConfig(**loop, **own)
        taught = [
            Example(messages=(*prompt.messages, *said.turns), teacher=rules.before(prompt))
            for prompt, said in whole
        ]
        train_distill(config, taught, **shared)
    return folder


def main() -> None:
    """Train a student for each way and seed, and grade it."""
    parser = options(__doc__)
    for name, value in (("prompts", 128), ("steps", 20), ("graded", 150), ("seeds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    chosen = parser.parse_args()
    setting = {
        **{name: getattr(chosen, name) for name in ("prompts", "steps", "graded")},
        "learning_rate": RATE,
        "batch_size": BATCH,
        "models": bundled(),
    }
    results = Results("context_distillation", setting, chosen.results)
    rules = system_turn("constitution", load_principles(CONSTITUTION))
    assert rules is not None
    prompts = read_prompts("micro:train")[: chosen.prompts]
    seeds = range(chosen.seeds)
    for seed in seeds:
        for way, system in (("micro", None), ("teacher", rules)):
            results.row(
                {"way": way, "seed": seed},
                lambda seed=seed, system=system: {
                    "gold": gold(chosen.work, "micro", chosen.graded, seed, system)
                },
            )
    for way, seed in product(chosen.ways, seeds):

        def measured(way: str = way, seed: int = seed) -> dict[str, float]:
            folder = student(chosen.work, way, prompts, rules, chosen.steps, seed)
            found = {"gold": gold(chosen.work, str(folder), chosen.graded, seed)}
            if way == SHOWN:
                found["gold with the rules"] = gold(chosen.work, str(folder), chosen.graded, seed, rules)
            shutil.rmtree(folder)
            return found

        results.row({"way": way, "seed": seed}, measured)
    results.save(**figures(results))


def figures(results: Results) -> dict[str, Any]:
    """The share of the teacher's gain that each way reaches, by seed; the criterion is the recipe's way's."""
    by = {(row["way"], row["seed"]): row["gold"] for row in results.rows.values()}
    seeds = sorted({seed for _, seed in by})
    shares = {
        way: [
            (by[way, seed] - by["micro", seed]) / (by["teacher", seed] - by["micro", seed])
            for seed in seeds
            if (way, seed) in by
        ]
        for way in WAYS
    }
    if len(shares[SHOWN]) >= 3:
        results.criterion(
            method="Context distillation",
            criterion="the student without the rules has at least 90 % of the gold that its teacher gains by them",
            values=shares[SHOWN],
            rule="at least 0.9",
            model="micro",
        )
    return {
        way: {"share of the teacher's gain": float(np.mean(own)), "by seed": own}
        for way, own in shares.items()
        if own
    }


if __name__ == "__main__":
    main()
