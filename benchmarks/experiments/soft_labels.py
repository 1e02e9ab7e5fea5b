"""Soft labels against hard ones, at three noise levels and five seeds: the same pairs, once with their probabilities.

    python benchmarks/experiments/soft_labels.py [--measure reward]

The noise is the judge's: `micro`; `micro:weak`; and `micro:weak` with noise in its log-odds. On the pairs of each a
reward model is trained (accuracy, calibration error and surprise on held-out pairs that gold tells apart) and a policy,
by DPO (gold of what it then answers); with the label's probability (`soft`), and with the side alone (`sigmoid`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from micro_pool import DPO, Known, blurred, bundled, label_accuracy, policy_gold, pool, some
from results import Results, options
from reward_model import TRAINING, held_out_draws, measured, rewards

SIGMA = 1.5
LEVELS = {
    "micro": ("micro", 0.0),
    "micro:weak": ("micro:weak", 0.0),
    "micro:weak + noise": ("micro:weak", SIGMA),
}
LOSSES = ("soft", "sigmoid")


def labelled(work: Path, prompts: int, level: str) -> list[Known]:
    """The pool's pairs at a noise level."""
    judge, sigma = LEVELS[level]
    pairs = pool(work, prompts, judge)
    return [blurred(each, sigma) for each in pairs] if sigma else pairs


def compared(
    results: Results, chosen: argparse.Namespace, train: Callable[[list[Known], str, int], Mapping[str, Any]]
) -> None:
    """A row for each level, loss and seed."""
    for seed in range(chosen.seeds):
        for level in LEVELS:
            pairs = labelled(chosen.work, chosen.prompts, level)
            taken = some(pairs, min(chosen.pairs, len(pairs)), seed)
            for loss in LOSSES:

                def row(taken: list[Known] = taken, loss: str = loss, seed: int = seed) -> dict[str, Any]:
                    return {"label accuracy": label_accuracy(taken), **train(taken, loss, seed)}

                results.row({"level": level, "loss": loss, "seed": seed}, row)
                results.save(**figures(list(results.rows.values())))


def figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over the seeds that both losses have, and of their differences with a standard error."""
    found = {}
    for level in LEVELS:
        own = {(row["loss"], row["seed"]): row for row in rows if row["level"] == level}
        seeds = [seed for loss, seed in own if loss == "sigmoid" and ("soft", seed) in own]
        for name in ("accuracy", "ECE", "surprise", "gold"):
            if not seeds or name not in own["soft", seeds[0]]:
                continue
            soft, hard = (np.array([own[loss, seed][name] for seed in seeds]) for loss in LOSSES)
            gain = soft - hard
            error = float(gain.std(ddof=1) / len(seeds) ** 0.5) if len(seeds) > 1 else None
            found[f"{level}: {name}"] = {
                "label accuracy": float(np.mean([own["soft", seed]["label accuracy"] for seed in seeds])),
                "soft": float(soft.mean()),
                "hard": float(hard.mean()),
                "difference": float(gain.mean()),
                "standard error": error,
                "seeds": len(seeds),
            }
    return found


def main() -> None:
    """Train 30 reward models, then 30 policies."""
    parser = options(__doc__)
    parser.add_argument("--measure", choices=["reward", "policy", "both"], default="both")
    for name, value in (("prompts", 160), ("pairs", 96), ("seeds", 5), ("steps", 8)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--held-out", type=int, default=40, help="prompts, of eight draws, for reward models")
    parser.add_argument("--graded", type=int, default=100, help="held-out prompts that a policy answers")
    chosen = parser.parse_args()
    setting = {name: getattr(chosen, name) for name in ("prompts", "pairs", "steps")} | {"models": bundled()}
    if chosen.measure != "policy":
        asked = held_out_draws(chosen.work, chosen.held_out)

        def reward(taken: list[Known], loss: str, seed: int) -> dict[str, Any]:
            given = rewards(chosen.work, taken, asked, loss=loss, steps=chosen.steps, seed=seed)
            found = measured(given, asked)
            return {name: found[name] for name in ("accuracy", "ECE", "surprise", "compared")}

        compared(
            Results(
                "soft_labels_reward", {**setting, "held_out": chosen.held_out, **TRAINING}, chosen.results
            ),
            chosen,
            reward,
        )
    if chosen.measure != "reward":

        def policy(taken: list[Known], loss: str, seed: int) -> dict[str, Any]:
            return policy_gold(
                chosen.work,
                taken,
                seed=seed,
                steps=chosen.steps,
                prompts=chosen.graded,
                config={"loss": loss},
            )

        compared(
            Results("soft_labels_policy", {**setting, "graded": chosen.graded, **DPO}, chosen.results),
            chosen,
            policy,
        )


if __name__ == "__main__":
    main()
