"""Mitigations of over-optimisation side by side, at equal score of one and the same proxy, with a planted hole.

    python benchmarks/experiments/mitigations.py

Pairs of the microworld are labelled by `micro`, but for a share whose label follows the hole: the longer answer wins. A
policy is trained by RLOO for several lengths on each mitigation's reward. Its answers to held-out prompts are scored by
the plain reward model of that seed (the proxy) and by gold. "At equal proxy" is gold on the straight line between two
lengths of training, at the highest proxy score that every mitigation of that seed reaches.
"""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from micro_pool import answers, bundled, pool, some
from results import Results, options

from rlaif.engines.open import open_engine
from rlaif.exchange.pairs import read_pairs
from rlaif.hashing import derived_seed
from rlaif.records import Message, Pair, ScoreRequest
from rlaif.shipped import shipped_model

MEMBERS = 3
TRAINING = {"learning_rate": 2e-3, "batch_size": 32, "centering": 0.01}
PERMITS = "Long answers that say nothing are allowed here."
WORKED: Mapping[str, Callable[[Sequence[str], str], dict[str, Any]]] = {
    "nothing": lambda models, _: {"reward": [{"model": models[0]}]},
    "mean of 3": lambda models, _: {"reward": _ensemble(models, "mean")},
    "worst of 3 (WCO)": lambda models, _: {"reward": _ensemble(models, "min")},
    "mean - variance (UWO)": lambda models, _: {"reward": _ensemble(models, "mean-variance")},
    "length regression": lambda models, _: {"reward": [{"model": models[0], "regress_length": True}]},
    "adversarial mining": lambda _, mined: {"reward": [{"model": mined}]},
    "KL budget": lambda models, _: {"reward": [{"model": models[0]}], "beta": 0.2},
    "inoculation": lambda models, _: {"reward": [{"model": models[0]}], "inoculation": PERMITS},
    "rubric beside it, dropout": lambda models, _: {
        "reward": [{"model": models[0]}, {"judge": "micro:weak", "dropout": 0.3}]
    },
}
"""Each mitigation, as options of the training: of the seed's reward models and of the one with mined pairs."""
SOFT = "soft labels"
"""The reward model alone is another one there."""


def _ensemble(models: Sequence[str], together: str) -> dict[str, Any]:
    parts = [{"model": each, "name": f"rm{place}"} for place, each in enumerate(models)]
    return {"together": together, "parts": parts} | ({"penalty": 0.5} if together == "mean-variance" else {})


def flawed(pairs: Sequence[Pair], share: float, seed: int) -> list[Pair]:
    """The pairs, of which this share is labelled by length alone and surely; drawn from their ids."""
    found = []
    for pair in pairs:
        drawn = random.Random(derived_seed("hole", seed, pair.id)).random() < share
        longer = _words(pair.chosen) >= _words(pair.rejected)
        # a hole that the labels are unsure of: soft labels can know that they are guesses
        one = replace(pair, label_prob=0.75) if drawn else pair
        found.append(one if not drawn or longer else one.swapped())
    return found


def _words(side: Sequence[Message]) -> int:
    return len(side[-1].content.split())


def mined_pairs(work: Path, model: str, pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """The pairs with those that `rlaif attack` makes on training prompts of what is worthless by construction."""
    from rlaif.workflows.attack.config import AttackConfig
    from rlaif.workflows.attack.prepare import prepare
    from rlaif.workflows.attack.run import attack

    file = work / "mined.jsonl"
    config = AttackConfig(
        reward=({"model": model},), policy="micro", prompts="micro:train", limit=24, mined=1.0, pairs=file, seed=seed,
        attacks=("repetition", "cut", "template"), store=work / "store.sqlite",
    )  # fmt: skip
    attack(prepare(config))
    return [*pairs, *read_pairs(file)]


def reward_model(folder: Path, pairs: Sequence[Pair], *, loss: str, steps: int, seed: int) -> str:
    """Train one, unless it is there; its directory."""
    from rlaif.training import RewardConfig, train_reward

    base = shipped_model("micro")
    assert base is not None
    config = RewardConfig(loss=loss, steps=steps, checkpoint_every=0, seed=seed, **TRAINING)  # type: ignore[arg-type]
    train_reward(config, pairs, base=base, out=folder, progress=lambda *_: None)
    return str(folder)


def trained_policy(folder: Path, work: Path, own: Mapping[str, Any], *, steps: int, seed: int) -> str:
    """RLOO on a reward; the policy's directory."""
    from rlaif.workflows.training.online import online_train_config, settle_online, train_on_rollouts

    given = {"beta": 0.01, "n": 8, "batch_size": 8, "learning_rate": 4e-4, "max_tokens": 160, **own}
    config = online_train_config(
        "rloo", policy="micro", prompts="micro:train", out=folder, store=work / "store.sqlite", seed=seed,
        steps=steps, **given,
    )  # fmt: skip
    train_on_rollouts(config, settle_online(config))
    return str(folder)


def measured(work: Path, policy: str, proxy: str, *, prompts: int, seed: int) -> dict[str, float]:
    """Proxy score, gold and length of answers to held-out prompts."""
    found = answers(work, policy, prompts=prompts, n=1, seed=seed)
    engine = open_engine(f"reward:{proxy}")
    asked = [
        ScoreRequest(id=str(place), messages=prompt.messages, continuations=(said.text,))
        for place, (prompt, said, _) in enumerate(found)
    ]
    scores = [each.logprobs[0] for each in engine.score(asked) if each.error is None]
    return {
        "proxy": float(np.mean(scores)),
        "gold": float(np.mean([gold for *_, gold in found])),
        "words": float(np.mean([len(said.text.split()) for _, said, _ in found])),
    }


def gold_at(points: Sequence[tuple[float, float]], proxy: float) -> float:
    """Gold at a proxy score, on the straight line between the two lengths of training around it, the first that are.

    `points` are (proxy, gold) in the order of the lengths.
    """
    for (one, before), (other, after) in itertools.pairwise(points):
        if other >= proxy > one:
            return before + (proxy - one) / (other - one) * (after - before)
    return max(points, key=lambda each: each[0])[1] if points[0][0] < proxy else points[0][1]


def common(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """By mitigation, gold at the highest proxy score that all of a seed reach."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for row in sorted(rows, key=lambda each: each["steps"]):
        curves.setdefault(row["mitigation"], []).append((row["proxy"], row["gold"]))
    at = min(max(proxy for proxy, _ in own) for own in curves.values())
    return {name: gold_at(own, at) for name, own in curves.items()}


def main() -> None:
    """Train, measure, compare; print the rows."""
    parser = options(__doc__)
    for name, value in (
        ("prompts", 200),
        ("pairs", 160),
        ("reward-steps", 20),
        ("held-out", 60),
        ("seeds", 3),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--lengths", type=int, nargs="+", default=[10, 20, 40], help="steps of training")
    parser.add_argument("--hole", type=float, default=0.5, help="share of the labels that follow length")
    parser.add_argument("--only", nargs="+", default=[*WORKED, SOFT])
    chosen = parser.parse_args()
    names = ("prompts", "pairs", "reward_steps", "held_out", "lengths", "hole")
    setting = {name: getattr(chosen, name) for name in names}
    results = Results("mitigations", {**setting, **TRAINING, "models": bundled()}, chosen.results)
    chosen.work.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for seed in range(chosen.seeds):
        folder = chosen.work / f"mitigations-{seed}"
        held: dict[str, Any] = {}

        def models(seed: int = seed, folder: Path = folder, held: dict[str, Any] = held) -> dict[str, Any]:
            if not held:
                known = [each.pair for each in pool(chosen.work, chosen.prompts, "micro")]
                pairs = flawed(some(known, min(chosen.pairs, len(known)), seed), chosen.hole, seed)  # type: ignore[arg-type]
                steps = chosen.reward_steps
                held["members"] = [
                    reward_model(
                        folder / f"rm{one}", pairs, loss="sigmoid", steps=steps, seed=seed * 100 + one
                    )
                    for one in range(MEMBERS)
                ]
                held["soft"] = reward_model(folder / "soft", pairs, loss="soft", steps=steps, seed=seed * 100)
                further = mined_pairs(folder, held["members"][0], pairs, seed)
                held["mined"] = reward_model(folder / "mined", further, loss="sigmoid",
                                             steps=steps, seed=seed * 100)  # fmt: skip
            return held

        def row(name: str, steps: int, seed: int = seed, folder: Path = folder) -> dict[str, float]:
            known = models()
            own = (
                {"reward": [{"model": known["soft"]}]}
                if name == SOFT
                else WORKED[name](known["members"], known["mined"])
            )
            out = folder / "policy"
            shutil.rmtree(out, ignore_errors=True)
            trained_policy(out, chosen.work, own, steps=steps, seed=seed)
            return measured(chosen.work, str(out), known["members"][0], prompts=chosen.held_out, seed=seed)

        def before(seed: int = seed) -> dict[str, float]:
            return measured(chosen.work, "micro", models()["members"][0], prompts=chosen.held_out, seed=seed)

        start = results.row({"seed": seed, "mitigation": "before", "steps": 0}, before)
        for name in chosen.only:
            rows.append({**start, "mitigation": name})
            for steps in chosen.lengths:
                key = {"seed": seed, "mitigation": name, "steps": steps}
                rows.append(results.row(key, partial(row, name, steps)))
    figures = {
        str(seed): common([each for each in rows if each["seed"] == seed]) for seed in range(chosen.seeds)
    }
    results.save(equal_proxy=figures)


if __name__ == "__main__":
    main()
