"""A reward model in the microworld: accuracy and calibration with soft and hard labels, and best of N by it.

    python benchmarks/experiments/reward_model.py

The reward model is trained on pairs that `micro` and `micro:weak` judged; gold grades it on pairs of held-out prompts.
Best of N: of N draws for a held-out prompt the one with the highest reward, its gold by the estimator that uses all
draws (sorted by reward, the i-th of n is the best of N with probability C(i-1, N-1) / C(n, N)).
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from micro_pool import Known, answers, bundled, label_accuracy, pool
from results import Results, options

from rlaif.auditing.calibration import Forecast, calibration_error
from rlaif.engines.open import open_engine
from rlaif.records import Completion, Prompt, ScoreRequest
from rlaif.shipped import shipped_model

JUDGES, LOSSES, NS = ("micro", "micro:weak"), ("soft", "sigmoid"), (1, 2, 4, 8)
TRAINING = {"learning_rate": 2e-3, "batch_size": 32, "centering": 0.01}
Graded = list[tuple[Prompt, Completion, float]]


def rewards(
    work: Path, pairs: Sequence[Known], asked: Graded, *, loss: str, steps: int, seed: int = 0
) -> list[float]:
    """Train a reward model on `pairs` and read its rewards of the answers."""
    from rlaif.training import RewardConfig, train_reward

    folder, base = work / "reward", shipped_model("micro")
    assert base is not None
    shutil.rmtree(folder, ignore_errors=True)
    config = RewardConfig(
        loss=loss,
        steps=steps,
        batch_size=int(TRAINING["batch_size"]),
        learning_rate=TRAINING["learning_rate"],
        centering=TRAINING["centering"],
        checkpoint_every=0,
        seed=seed,
    )
    train_reward(config, [each.pair for each in pairs], base=base, out=folder, progress=lambda *_: None)
    engine = open_engine(f"reward:{folder}")
    requests = [
        ScoreRequest(id=str(place), messages=prompt.messages, continuations=(said.text,))
        for place, (prompt, said, _) in enumerate(asked)
    ]
    found = {int(each.request_id): each.logprobs[0] for each in engine.score(requests)}
    shutil.rmtree(folder)
    return [found[place] for place in range(len(asked))]


def best_of(rewards_and_gold: Sequence[tuple[float, float]], n: int) -> float:
    """Expected gold of the best of n by reward, over all choices of n of the draws."""
    ranked = [gold for _, gold in sorted(rewards_and_gold)]
    count = len(ranked)
    whole = math.comb(count, n)
    return sum(math.comb(place, n - 1) * gold for place, gold in enumerate(ranked)) / whole


def measured(given: Sequence[float], asked: Graded) -> dict[str, Any]:
    """Accuracy and calibration error on pairs of draws that gold tells apart, and gold of the best of N."""
    groups: dict[str, list[tuple[float, float]]] = {}
    for reward, (prompt, _, gold) in zip(given, asked, strict=True):
        groups.setdefault(prompt.id, []).append((reward, gold))
    forecasts = []
    for group in groups.values():
        for (one, first), (other, second) in zip(group[::2], group[1::2], strict=False):
            if first != second:
                p = 1 / (1 + math.exp(min(max(other - one, -30), 30)))
                forecasts.append(Forecast(p, float(first > second)))
    right = [(each.p > 0.5) == (each.truth > 0.5) for each in forecasts]
    return {
        "accuracy": float(np.mean(right)),
        "ECE": calibration_error(forecasts),
        "surprise": -float(
            np.mean([math.log(each.p if each.truth > 0.5 else 1 - each.p) for each in forecasts])
        ),
        "compared": len(forecasts),
        **{f"best of {n}": float(np.mean([best_of(group, n) for group in groups.values()])) for n in NS},
    }


def held_out_draws(work: Path, prompts: int) -> Graded:
    """The draws of `micro` that every reward model is measured on."""
    return answers(work, "micro", prompts=prompts, n=max(NS), seed=1)


def main() -> None:
    """Train four reward models; print the rows."""
    parser = options(__doc__)
    for name, value in (("prompts", 160), ("steps", 12), ("held-out", 40)):
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = parser.parse_args()
    sizes = {name: getattr(chosen, name) for name in ("prompts", "steps", "held_out")}
    results = Results("reward_model", {**sizes, **TRAINING, "models": bundled()}, chosen.results)
    asked: Graded = []

    def row(judge: str, loss: str) -> dict[str, Any]:
        if not asked:
            asked.extend(held_out_draws(chosen.work, chosen.held_out))
        pairs = pool(chosen.work, chosen.prompts, judge)
        given = rewards(chosen.work, pairs, asked, loss=loss, steps=chosen.steps)
        return {"pairs": len(pairs), "label accuracy": label_accuracy(pairs), **measured(given, asked)}

    for judge in JUDGES:
        for loss in LOSSES:
            results.row({"judge": judge, "loss": loss}, lambda: row(judge, loss))  # noqa: B023

    def bound() -> dict[str, Any]:
        found = asked or held_out_draws(chosen.work, chosen.held_out)
        return measured([gold for *_, gold in found], found)

    results.row({"judge": "gold itself", "loss": "-"}, bound)
    results.save(rows=len(results.rows))


if __name__ == "__main__":
    main()
