"""Gold against the number of pairs: none, and DPO on 16 to 144 of them, the same number of steps, five seeds.

python benchmarks/experiments/pair_count.py
"""

from __future__ import annotations

import numpy as np
from micro_pool import DPO, bundled, gold_of, label_accuracy, policy_gold, pool, some
from results import Results, options


def main() -> None:
    """Train and print."""
    parser = options(__doc__)
    for name, value in (("prompts", 160), ("steps", 8), ("held-out", 100), ("seeds", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--counts", type=int, nargs="+", default=[16, 48, 144])
    chosen = parser.parse_args()
    sizes = {name: getattr(chosen, name) for name in ("prompts", "steps", "held_out")}
    results = Results("pair_count", {**sizes, **DPO, "models": bundled()}, chosen.results)
    pairs = pool(chosen.work, chosen.prompts, "micro")
    for seed in range(chosen.seeds):
        results.row(
            {"pairs": 0, "seed": seed},
            lambda: gold_of(chosen.work, "micro", prompts=chosen.held_out, seed=seed),  # noqa: B023
        )
        for count in (each for each in chosen.counts if each <= len(pairs)):

            def trained(count: int = count, seed: int = seed) -> dict[str, float]:
                taken = some(pairs, count, seed)
                found = policy_gold(
                    chosen.work, taken, seed=seed, steps=chosen.steps, prompts=chosen.held_out, config={}
                )
                return {"label accuracy": label_accuracy(taken), **found}

            results.row({"pairs": count, "seed": seed}, trained)
    counts = sorted({row["pairs"] for row in results.rows.values()})
    golds = {n: [row["gold"] for row in results.rows.values() if row["pairs"] == n] for n in counts}
    results.save(**{str(n): round(float(np.mean(values)), 4) for n, values in golds.items()})
    print({n: round(float(np.mean(values)), 4) for n, values in golds.items()})


if __name__ == "__main__":
    main()
