"""Judge training in several formats (FLAMe, 2407.10817): transfer to a format that was held out, and a tail patch.

    python benchmarks/experiments/judge_training.py

`micro:weak` learns from gold-labelled questions of the microworld: pairs (A or B), yes and no, ratings. `transfer`: it
learns pairs and yes/no, and is asked for ratings. `uniform`: equally many examples of each format. `tail patch`: each
format alone is learned briefly; what the accuracy on pairs gained decides its weight; half as many are learned.
The questions of the tests are about tasks that no example is about.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from judge_world import judge_of, learned
from micro_pool import bundled
from results import Results, options

from rlaif.hashing import derived_seed
from rlaif.judging.ask import turn
from rlaif.judging.label_formats import tail_patch
from rlaif.microworld.corpus import row as skill_row
from rlaif.microworld.rows import ASSISTANT, END
from rlaif.microworld.scenes import Split
from rlaif.records import Example, Message, ScoreRequest
from rlaif.store import Store

FORMATS: Mapping[str, tuple[str, tuple[str, str]]] = {
    "pairwise": ("compare", ("A", "B")),
    "classification": ("checklist", ("yes", "no")),
    "pointwise": ("score", ("5", "1")),
}
"""Skills of the microworld, and their labels."""
RATE, BATCH = 5e-4, 32
DIAGNOSIS = (
    "Three settings tried: these sizes; 120 steps (seed 0: ratings .47 before, .44 by transfer, .78 learned "
    "themselves); 60 steps at 2e-3 (seeds 100, 101: .38 to .36, .53 to .51). `micro:weak` was never asked for "
    "ratings: what it learns of a format is tied to its template, and nothing of it carries over. In ratings "
    "themselves it learns at once. Pairs rise by no mixture at all (.62 before, .56 to .67 after), so that "
    "none reaches more with less"
)
MARGIN = 0.01


def rows(name: str, count: int, seed: int, split: Split = "train") -> list[Example]:
    """Gold-labelled questions of a format."""
    rng = random.Random(derived_seed("judge training", name, split, seed))
    found = []
    for _ in range(count):
        made = skill_row(FORMATS[name][0], rng, "plain", split)
        shown, answer = rng.choice(made.endings)
        question = (made.prefix + shown).removeprefix("<|user|>").removesuffix(END + ASSISTANT)
        said = Message(role="assistant", content=answer.removesuffix(END))
        found.append(Example(messages=(*turn(question), said), kind="judge"))
    return found


def accuracies(store: Store, model: str, count: int, seed: int) -> dict[str, float]:
    """Share of right labels by format, on held-out tasks."""
    engine = judge_of(store, model).engine
    found = {}
    for name, (_, labels) in FORMATS.items():
        asked = rows(name, count, seed, "held-out")
        requests = [
            ScoreRequest(id=str(place), messages=each.messages[:1], continuations=labels)
            for place, each in enumerate(asked)
        ]
        said = {each.request_id: labels[int(np.argmax(each.logprobs))] for each in engine.score(requests)}
        found[name] = float(
            np.mean([said[str(place)] == each.messages[1].content for place, each in enumerate(asked)])
        )
    return found


def mixed(weights: Mapping[str, float], count: int, seed: int) -> list[Example]:
    """`count` examples, formats by their weights."""
    total = sum(weights.values())
    made = [
        each for name, weight in weights.items() for each in rows(name, round(count * weight / total), seed)
    ]
    random.Random(derived_seed("mixed", seed)).shuffle(made)
    return made


def measured(chosen: Any, store: Store, seed: int) -> dict[str, Any]:
    """All arms of a seed."""

    def after(name: str, examples: list[Example]) -> dict[str, float]:
        model = learned(
            chosen.work,
            "micro:weak",
            examples,
            name=f"judge-{name}-{seed}",
            steps=max(1, len(examples) // BATCH),
            seed=seed,
            rate=RATE,
        )
        return accuracies(store, model, chosen.test, seed)

    full = chosen.steps * BATCH
    before = accuracies(store, "micro:weak", chosen.test, seed)
    equal = dict.fromkeys(FORMATS, 1.0)
    gains = {
        name: after(f"alone-{name}", rows(name, chosen.patch * BATCH, seed))["pairwise"] - before["pairwise"]
        for name in FORMATS
    }
    weights = tail_patch(gains, MARGIN)
    weights = weights if any(weights.values()) else equal
    return {
        "before": before,
        "gains": gains,
        "weights": weights,
        "transfer": after("transfer", mixed({"pairwise": 1.0, "classification": 1.0}, full, seed)),
        "uniform": after("uniform", mixed(equal, full, seed)),
        "tail patch": after("patched", mixed(weights, full // 2, seed)),
    }


def main() -> None:
    """Three seeds."""
    parser = options(__doc__)
    for name, value in (("steps", 24), ("patch", 6), ("test", 120), ("seeds", 3), ("first", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = parser.parse_args()
    chosen.work = Path(chosen.work).resolve()
    chosen.work.mkdir(parents=True, exist_ok=True)
    setting = {name: getattr(chosen, name) for name in ("steps", "patch", "test")}
    results = Results("judge_training", {**setting, "rate": RATE, "models": bundled()}, chosen.results)
    with Store.open(chosen.work / "judge-training.sqlite") as store:
        for seed in range(chosen.first, chosen.first + chosen.seeds):
            results.row({"seed": seed}, lambda seed=seed: measured(chosen, store, seed))
    rows_of = [
        row for row in results.rows.values() if chosen.first <= row["seed"] < chosen.first + chosen.seeds
    ]
    results.criterion(
        method="Judge training",
        criterion="a format that is held out is learned from the others (gain of the accuracy of ratings)",
        values=[row["transfer"]["pointwise"] - row["before"]["pointwise"] for row in rows_of],
        rule="above 0",
        model="micro:weak",
        note=DIAGNOSIS,
    )
    results.criterion(
        method="Judge training",
        criterion="half the examples, weighed by a tail patch, reach the accuracy on pairs (difference)",
        values=[row["tail patch"]["pairwise"] - row["uniform"]["pairwise"] for row in rows_of],
        rule="at least 0",
        model="micro:weak",
        note=DIAGNOSIS,
    )
    results.save()


if __name__ == "__main__":
    main()
