"""Labels of Constitutional AI's second half (2212.08073): soft, hard, clamped; by one principle, by drawn ones, by all.

    python benchmarks/experiments/constitutional_labels.py

Two answers of `micro` to each prompt are compared by `micro` in both orders. By which principle is what differs: one
and the same for all labels (another for each seed), one drawn anew for each two (CAI's), or all that apply. On the
labels a reward model is trained (accuracy, calibration error and surprise on held-out pairs that gold tells apart; how
extreme its probabilities are; how much it differs between seeds) and a policy by DPO (gold of what it then answers).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from micro_pool import CONSTITUTION, DPO, SAMPLING, Known, bundled, label_accuracy, policy_gold, some_of
from results import Results, options
from reward_model import TRAINING, Graded, held_out_draws, measured, rewards

from rlaif.constitution import load_principles
from rlaif.exchange.prompts import read_prompts
from rlaif.feedback import PairPlan, make_pairs
from rlaif.records import Completion, Prompt
from rlaif.store import Store
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.models.gold import grade, share_met
from rlaif.workflows.models.pool import ModelPool

EVERYWHERE = ("greet", "no-insult", "more-help", "brief", "no-repetition", "no-flattery", "refuse-harm")
"""Principles that apply to every prompt: of these one labels all pairs, another for each seed."""
CLAMP = 0.6
WAYS = {
    "drawn, soft": ("drawn", "soft", None),
    "drawn, hard": ("drawn", "sigmoid", None),
    "drawn, clamped": ("drawn", "soft", CLAMP),
    "one, soft": ("one", "soft", None),
    "all, soft": ("all", "soft", None),
}
LEARNED = ("drawn, soft", "drawn, hard", "drawn, clamped")
"""Labels that a policy learns from too."""


def labelled(work: Path, prompts: int, way: str, seed: int) -> list[Known]:
    """The pairs of a way, as `micro` labels them; what is no pair (a tie) is left out."""
    by, _, clamp = WAYS[way]
    choice: Any = (EVERYWHERE[seed % len(EVERYWHERE)],) if by == "one" else by
    plan = PairPlan(
        pairing="random", inconsistent="average", seed=seed, choice=choice, clamp=clamp, then="compare"
    )
    constitution = load_principles(CONSTITUTION)
    asked = some_of(read_prompts("micro:train"), prompts, 0)
    models = ModelPool(ModelOptions(), seed=0)
    with Store.open(work / "labels.sqlite") as store:
        models.record(store, "")
        drawn = draw(models, ["micro"], asked, 2, SAMPLING, 0).drawn
        judge = models.judge("micro")
        found = make_pairs(
            asked, [each for _, each in drawn], [], judge=judge, constitution=constitution, plan=plan
        )
    by_turns = {each.messages: each for each in asked}
    return [_known(pair, by_turns[pair.prompt]) for pair in found.pairs]


def _known(pair: Any, prompt: Prompt) -> Known:
    constitution = load_principles(CONSTITUTION)
    sides = [
        Completion(prompt_id=prompt.id, text=each[-1].content, policy="")
        for each in (pair.chosen, pair.rejected)
    ]
    chosen, rejected = (share_met(grade(prompt, each, constitution)) for each in sides)
    return Known(replace(pair, weight=1.0), chosen or 0.0, rejected or 0.0)


def gaps(given: Sequence[float], asked: Graded) -> list[float]:
    """Differences of rewards of each two neighbouring draws of a prompt: what the model thinks of pairs."""
    groups: dict[str, list[float]] = {}
    for reward, (prompt, *_) in zip(given, asked, strict=True):
        groups.setdefault(prompt.id, []).append(reward)
    return [
        one - other for each in groups.values() for one, other in zip(each[::2], each[1::2], strict=False)
    ]


def spread(rows: Sequence[dict[str, Any]]) -> list[float]:
    """By held-out pair, the standard deviation over seeds of P(first is better)."""
    p = np.array([[1 / (1 + math.exp(-gap)) for gap in row["gaps"]] for row in rows])
    return [float(each) for each in p.std(axis=0, ddof=1)]


def jackknife(rows: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]]) -> list[float]:
    """A value a seed whose mean is how much farther apart seeds lie in `rows` than in `others` (Tukey's jackknife).

    Distances of two seeds are the mean of |P - P'| over held-out pairs. Two of them share a seed, so that they are no
    independent values; n D - (n - 1) D without seed i are taken as such.
    """
    n = len(rows)

    def distance(kept: Sequence[int]) -> float:
        found = []
        for group, sign in ((rows, 1), (others, -1)):
            p = [1 / (1 + np.exp(-np.array(group[seed]["gaps"]))) for seed in kept]
            found.append(sign * np.mean([np.abs(a - b).mean() for a, b in combinations(p, 2)]))
        return float(sum(found))

    whole = distance(range(n))
    return [n * whole - (n - 1) * distance([each for each in range(n) if each != seed]) for seed in range(n)]


def figures(results: Results, seeds: int) -> dict[str, Any]:
    """Means over seeds, and what the paper claims of the labels."""
    rows = list(results.rows.values())

    def of(what: str, way: str) -> list[dict[str, Any]]:
        own = [each for each in rows if each["what"] == what and each["way"] == way]
        return sorted(own, key=lambda each: each["seed"])

    def less(what: str, name: str, one: str, other: str) -> list[float]:
        return [a[name] - b[name] for a, b in zip(of(what, one), of(what, other), strict=True)]

    if any(len(of("reward", way)) < seeds for way in WAYS) or any(
        len(of("policy", w)) < seeds for w in LEARNED
    ):
        return {}
    say = {"method": "RL-CAI labels", "model": "micro"}
    for name in ("surprise", "ECE"):
        results.criterion(
            criterion=f"soft labels against hard ones: {name} of the reward model, difference",
            values=less("reward", name, "drawn, soft", "drawn, hard"), rule="at most 0", **say,
        )  # fmt: skip
    results.criterion(
        criterion="soft labels against hard ones: gold of the policy, difference",
        values=less("policy", "gold", "drawn, soft", "drawn, hard"), rule="at least 0", **say,
    )  # fmt: skip
    results.criterion(
        criterion="clamping from .4 to .6 shrinks extremity: mean |P - 1/2| of the reward model, difference",
        values=less("reward", "extremity", "drawn, clamped", "drawn, soft"), rule="below 0", **say,
    )  # fmt: skip
    spreads = {way: spread(of("reward", way)) for way in ("one, soft", "drawn, soft", "all, soft")}
    results.criterion(
        criterion="drawn principles against one: spread over seeds of the reward model's P, difference (jackknife)",
        values=jackknife(of("reward", "drawn, soft"), of("reward", "one, soft")), rule="below 0", **say,
    )  # fmt: skip
    names = ("label accuracy", "pairs", "accuracy", "ECE", "surprise", "extremity", "best of 8")
    return {
        **{
            way: {name: float(np.mean([row[name] for row in of("reward", way)])) for name in names}
            for way in WAYS
        },
        **{f"policy, {way}": float(np.mean([row["gold"] for row in of("policy", way)])) for way in LEARNED},
        "spread over seeds": {way: float(np.mean(each)) for way, each in spreads.items()},
    }


def main() -> None:
    """Label, train and grade."""
    parser = options(__doc__)
    for name, value in (
        ("prompts", 256),
        ("steps", 64),
        ("held-out", 48),
        ("graded", 200),
        ("seeds", 5),
        ("first", 0),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    sizes = {name: getattr(chosen, name) for name in ("prompts", "steps", "held_out", "graded")}
    results = Results(
        "constitutional_labels",
        {**sizes, "reward": TRAINING, "policy": DPO, "models": bundled()},
        chosen.results,
    )
    asked: Graded = []

    def reward(way: str, seed: int) -> dict[str, Any]:
        if not asked:
            asked.extend(held_out_draws(chosen.work, chosen.held_out))
        pairs = labelled(chosen.work, chosen.prompts, way, seed)
        given = rewards(chosen.work, [*pairs], asked, loss=WAYS[way][1], steps=chosen.steps, seed=seed)
        apart = gaps(given, asked)
        extremity = float(np.mean([abs(1 / (1 + math.exp(-gap)) - 0.5) for gap in apart]))
        own = {"pairs": len(pairs), "label accuracy": label_accuracy(pairs), "extremity": extremity}
        return {**own, **measured(given, asked), "gaps": apart}

    def policy(way: str, seed: int) -> dict[str, Any]:
        pairs = labelled(chosen.work, chosen.prompts, way, seed)
        config = {"loss": WAYS[way][1]}
        return policy_gold(
            chosen.work, pairs, seed=seed, steps=chosen.steps, prompts=chosen.graded, config=config
        )

    for seed in range(chosen.first, chosen.first + chosen.seeds):
        for way in WAYS:
            results.row(
                {"what": "reward", "way": way, "seed": seed}, lambda way=way, seed=seed: reward(way, seed)
            )
        for way in LEARNED:
            results.row(
                {"what": "policy", "way": way, "seed": seed}, lambda way=way, seed=seed: policy(way, seed)
            )
    results.criteria.clear()
    results.save(**figures(results, chosen.seeds))


if __name__ == "__main__":
    main()
