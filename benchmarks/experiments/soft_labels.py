"""Soft labels against hard ones, at three noise levels and five seeds: the same pairs, once with their probabilities.

    python benchmarks/experiments/soft_labels.py --work /tmp/experiments

The noise is the judge's: `micro`; `micro:weak`; and `micro:weak` with noise in its log-odds. A policy is trained by DPO
on the pairs of each, with the label's probability (`soft`) and with the side alone (`sigmoid`), and gold grades what it
then answers to held-out prompts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from micro_pool import Known, blurred, bundled, gold_of, label_accuracy, policy_gold, pool, some
from results import Results, options

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


def main() -> None:
    """Train 30 policies; print the means."""
    parser = options(__doc__)
    for name, value in (("prompts", 320), ("pairs", 192), ("steps", 12), ("held-out", 100), ("seeds", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = parser.parse_args()
    sizes = {name: getattr(chosen, name) for name in ("prompts", "pairs", "steps", "held_out")}
    results = Results("soft_labels", {**sizes, "models": bundled()}, chosen.results)
    start = results.row(
        {"level": "no training"},
        lambda: gold_of(chosen.work, "micro", prompts=chosen.held_out, seed=0),
    )
    for seed in range(chosen.seeds):
        for level in LEVELS:
            pairs = labelled(chosen.work, chosen.prompts, level)
            taken = some(pairs, min(chosen.pairs, len(pairs)), seed)
            for loss in LOSSES:

                def trained(
                    taken: list[Known] = taken, loss: str = loss, seed: int = seed
                ) -> dict[str, float]:
                    found = policy_gold(
                        chosen.work,
                        taken,
                        seed=seed,
                        steps=chosen.steps,
                        prompts=chosen.held_out,
                        config={"loss": loss},
                    )
                    return {"label accuracy": label_accuracy(taken), **found}

                results.row({"level": level, "loss": loss, "seed": seed}, trained)
    figures: dict[str, object] = {"before": round(start["gold"], 4)}
    for level in LEVELS:
        rows = [row for row in results.rows.values() if row["level"] == level]
        by_loss = {loss: {row["seed"]: row["gold"] for row in rows if row["loss"] == loss} for loss in LOSSES}
        gains = [by_loss["soft"][seed] - by_loss["sigmoid"][seed] for seed in by_loss["soft"]]
        figures[level] = {
            "label accuracy": round(float(np.mean([row["label accuracy"] for row in rows])), 3),
            **{loss: round(float(np.mean(list(golds.values()))), 4) for loss, golds in by_loss.items()},
            "soft - hard": round(float(np.mean(gains)), 4),
            "standard error": round(float(np.std(gains, ddof=1) / len(gains) ** 0.5), 4)
            if len(gains) > 1
            else None,
            "seeds": len(gains),
        }
    results.save(**figures)
    print(figures)


if __name__ == "__main__":
    main()
