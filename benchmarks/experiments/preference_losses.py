"""Losses side by side: the same pairs of `micro:weak`, the same steps, each loss with its usual figures.

    python benchmarks/experiments/preference_losses.py

Those without a reference are trained without one. The learning rate is the same for all, so this is a look at each loss
as it comes, not a contest of tuned ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from micro_pool import DPO, Known, bundled, gold_of, label_accuracy, policy_gold, pool, some
from results import Results, options

from rlaif.training.loss_names import LOSSES

COMPARED = ("soft", "sigmoid", "ipo", "simpo", "kto", "orpo", "dpop")


def told(loss: str) -> dict[str, Any]:
    """What training is told beside the loss."""
    facts = LOSSES[loss]
    own: dict[str, Any] = {"loss": loss}
    if facts.beta is not None and loss not in ("soft", "sigmoid"):
        own["beta"] = facts.beta
    return own if facts.reference else {**own, "reference": "none"}


def main() -> None:
    """Train and print."""
    parser = options(__doc__)
    for name, value in (("prompts", 160), ("pairs", 96), ("steps", 8), ("held-out", 100), ("seeds", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--losses", nargs="+", choices=list(LOSSES), default=list(COMPARED), metavar="LOSS")
    parser.add_argument("--judge", default="micro:weak")
    chosen = parser.parse_args()
    sizes = {name: getattr(chosen, name) for name in ("prompts", "pairs", "steps", "held_out", "judge")}
    results = Results("preference_losses", {**sizes, **DPO, "models": bundled()}, chosen.results)
    results.row(
        {"loss": "no training"}, lambda: gold_of(chosen.work, "micro", prompts=chosen.held_out, seed=0)
    )
    pairs = pool(chosen.work, chosen.prompts, chosen.judge)
    for seed in range(chosen.seeds):
        taken = some(pairs, min(chosen.pairs, len(pairs)), seed)
        for loss in chosen.losses:

            def trained(taken: list[Known] = taken, loss: str = loss, seed: int = seed) -> dict[str, float]:
                found = policy_gold(
                    chosen.work,
                    taken,
                    seed=seed,
                    steps=chosen.steps,
                    prompts=chosen.held_out,
                    config=told(loss),
                )
                return {"label accuracy": label_accuracy(taken), **found}

            results.row({"loss": loss, "seed": seed}, trained)
    means = {}
    for loss in dict.fromkeys(row["loss"] for row in results.rows.values()):
        rows = [row for row in results.rows.values() if row["loss"] == loss]
        means[loss] = {
            name: round(float(np.mean([row[name] for row in rows])), 4) for name in ("gold", "words")
        }
    results.save(**means)
    print(means)


if __name__ == "__main__":
    main()
