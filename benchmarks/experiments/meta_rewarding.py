"""Meta-Rewarding (2407.19594): position weights on a meta-judge that prefers a place, and what judgment pairs teach.

    python benchmarks/experiments/meta_rewarding.py

`weights`: judgments whose rightness is known fight each other under a meta-judge with a planted pull to the first shown
one (log-odds). With the weights of the formula and without: share of the weight that the first shown wins, and share of
pairs whose chosen judgment is the right one. `judge`: `micro`, unlearned a little (`compare-cot` rows, half of whose
verdicts are turned), judges pairs of answers N times; `meta` of the same model pairs the judgments; DPO on these pairs.
Accuracy of its written verdicts on held-out pairs that gold tells apart, before and after round 1.
"""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
from judge_world import (
    Question,
    accuracy,
    drawn,
    judge_of,
    learned,
    preferred,
    prompts,
    rules,
    some,
    told_apart,
)
from micro_pool import bundled
from results import Results, options

from rlaif.feedback.judgment_pairs import judgment_pairs
from rlaif.hashing import derived_seed
from rlaif.judging.ask import turn
from rlaif.judging.battles import Battle, battle_matrix, position_weights, ranked
from rlaif.judging.meta_judging import battles_of, judge_often, most_in_doubt, questions_about
from rlaif.microworld.corpus import row as skill_row
from rlaif.microworld.rows import ASSISTANT, END
from rlaif.records import Example, Message, Sampling
from rlaif.store import Store

PULL = 1.5
"""Log-odds by which the planted meta-judge prefers the first shown judgment."""
SKILL = 1.0
"""Log-odds by which it prefers the right one."""
RATE, UNLEARN = 1e-4, 3e-4


def weighed(seed: int, questions: int = 200, judgments: int = 6) -> dict[str, float]:
    """Battles under a planted meta-judge, put together with the weights of the formula and with equal ones."""
    rng = random.Random(derived_seed("planted", seed))
    truth = [[rng.random() < 0.5 for _ in range(judgments)] for _ in range(questions)]
    fights: list[list[Battle]] = []
    for right in truth:
        own = []
        for first in range(judgments):
            for second in range(judgments):
                if first != second:
                    odds = PULL + SKILL * (right[first] - right[second])
                    first_wins = rng.random() < 1 / (1 + math.exp(-odds))
                    own.append(Battle(first, second, "first" if first_wins else "second"))
        fights.append(own)
    every = [each for own in fights for each in own]
    found = {}
    for name, weights in (("with weights", position_weights(every)), ("without", (0.5, 0.5))):
        first = sum(weights[0] for each in every if each.winner == "first")
        second = sum(weights[1] for each in every if each.winner == "second")
        texts = [f"{number}" for number in range(judgments)]
        orders = [(right, ranked(texts, own, weights)) for right, own in zip(truth, fights, strict=True)]
        apart = [
            (right[order.best], right[order.worst])
            for right, order in orders
            if order and len(set(right)) > 1
        ]
        found[f"first shown, {name}"] = first / (first + second)
        found[f"chosen right, {name}"] = float(np.mean([best for best, worst in apart if best != worst]))
        total = np.array(battle_matrix(judgments, fights[0], weights)).sum()
        found[f"weight of a question, {name}"] = float(total)
    return found


def turned(count: int, seed: int) -> list[Example]:
    """Rows of the skill `compare-cot`, half of whose verdicts are turned."""
    rng = random.Random(derived_seed("turned", seed))
    found = []
    while len(found) < count:
        made = skill_row("compare-cot", rng, "composed", "train")
        shown, answer = rng.choice(made.endings)
        question = (made.prefix + shown).removeprefix("<|user|>").removesuffix(END + ASSISTANT)
        said = answer.removesuffix(END)
        if rng.random() < 0.5:
            said = said[:-1] + ("B" if said.endswith("A") else "A")
        found.append(
            Example(messages=(*turn(question), Message(role="assistant", content=said)), kind="judge")
        )
    return found


def questions(store: Store, split: str, count: int, seed: int) -> list[Question]:
    """One principle by which gold tells two answers of `micro` apart, of each prompt that has one."""
    by_prompt: dict[str, list[Any]] = {}
    for prompt, said in drawn(store, "micro", prompts(split, count, 900 + seed), 2, seed):
        by_prompt.setdefault(prompt.id, []).append((prompt, said))
    return [
        each
        for own in by_prompt.values()
        if len(own) == 2
        for each in some(told_apart(own[0][0], own[0][1], own[1][1], rules()), 1, seed, own[0][0].id)
    ]


def one_round(chosen: Any, store: Store, seed: int) -> dict[str, float]:
    """Accuracy of written verdicts before and after DPO on judgment pairs."""
    base = learned(
        chosen.work,
        "micro",
        turned(32 * chosen.unlearn, seed),
        name=f"unlearned-{seed}",
        steps=chosen.unlearn,
        seed=seed,
        rate=UNLEARN,
    )
    test = questions(store, "held-out", chosen.test, seed)
    judge = judge_of(store, base, seed)
    before = accuracy(judge, test, "compare-cot")
    asked = []
    for prompt, *texts, _ in questions(store, "train", chosen.prompts, 50 + seed):
        own = list(questions_about(judge, "compare-cot", prompt, texts, rules().principles))
        asked += [(prompt, *each) for each in some(own, 3, seed, prompt.id)]
    sampling = Sampling(temperature=0.8, top_p=0.95, max_tokens=64)
    judged = judge_often(judge, "compare-cot", asked, samples=chosen.n, sampling=sampling, seed=seed)
    doubtful = most_in_doubt(judged)
    made = judgment_pairs(doubtful, battles_of(judge, "each", doubtful), longest=1100)
    after_of = preferred(
        chosen.work, base, made.pairs, name=f"meta-{seed}", steps=chosen.steps, seed=seed, rate=RATE
    )
    after = accuracy(judge_of(store, after_of, seed), test, "compare-cot")
    return {
        "before": before["accuracy"],
        "after": after["accuracy"],
        "unreadable": after["unreadable"],
        "pairs": len(made.pairs),
        "questions": len(test),
    }


def main() -> None:
    """Five seeds of the weights, five of the round."""
    parser = options(__doc__)
    for name, value in (
        ("prompts", 120),
        ("n", 5),
        ("steps", 24),
        ("unlearn", 16),
        ("test", 120),
        ("seeds", 5),
        ("first", 2),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--part", choices=["weights", "judge", "both"], default="both")
    chosen = parser.parse_args()
    chosen.work = Path(chosen.work).resolve()
    chosen.work.mkdir(parents=True, exist_ok=True)
    setting = {name: getattr(chosen, name) for name in ("prompts", "n", "steps", "unlearn", "test")}
    results = Results("meta_rewarding", {**setting, "rate": RATE, "models": bundled()}, chosen.results)
    if chosen.part != "judge":
        for seed in range(5):
            results.row({"part": "weights", "seed": seed}, lambda seed=seed: weighed(seed))
    if chosen.part != "weights":
        with Store.open(chosen.work / "meta-rewarding.sqlite") as store:
            for seed in range(chosen.first, chosen.first + chosen.seeds):
                results.row({"part": "judge", "seed": seed}, lambda seed=seed: one_round(chosen, store, seed))
    planted = [row for row in results.rows.values() if row["part"] == "weights"]
    taught = [row for row in results.rows.values() if row["part"] == "judge"]
    if planted:
        results.criterion(
            method="Meta-Rewarding",
            criterion="with position weights either place wins half of the weight (largest distance from one half)",
            values=[abs(row["first shown, with weights"] - 0.5) for row in planted],
            rule="at most 0.001",
            model="a planted meta-judge",
        )
    if taught:
        results.criterion(
            method="Meta-Rewarding",
            criterion="pairs of judgments raise the judge's accuracy in round 1 (difference)",
            values=[row["after"] - row["before"] for row in taught],
            rule="above 0",
            model="micro, unlearned",
            note="Sizes were chosen on seeds 0, 1 (40 prompts, 12 steps: +.17, -.11), 100 and 101 (these: +.18, +.25)",
        )
    results.save()


if __name__ == "__main__":
    main()
