"""A process reward model in the microworld: steps labelled by rollouts, the best of n by it (2312.08935, 2305.20050).

    python benchmarks/experiments/process_reward.py

`micro` answers sums, often with its working: "18 plus 4 is 22. 22 plus 1 is 25. The answer is 25." Steps of its answers
are labelled by rollouts from their ends, which know nothing but whether a final answer is the known one: a step is
right where any rollout is. What steps say can be computed, so that labels are compared with the truth: all sums that
are stated up to a step's end are right.

From the same answers a process reward model learns from all steps, and an outcome reward model from the last ones, with
equally many optimizer steps. Of n answers to each held-out sum one is taken by either of them, by the majority of final
answers, or as it comes; gold says how often the final answer is right.
"""

from __future__ import annotations

import random
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from micro_pool import SAMPLING, bundled
from results import Results, options

from rlaif.exchange.prompts import read_prompts
from rlaif.feedback.step_labels import LabelledStep, label_by_rollouts, step_examples
from rlaif.hashing import derived_seed
from rlaif.judging.final_answers import agrees
from rlaif.judging.protocol import One
from rlaif.judging.protocols import Asking, pointwise
from rlaif.records import Prompt
from rlaif.shipped import shipped_model
from rlaif.store import Store
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.models.pool import ModelPool

RESULT = "result"
"""The column of the known answer."""
_SUM = re.compile(r"\b(\d+) plus (\d+) is (\d+)\b")
_SAID = re.compile(r"\b(?:The answer is|It is) (\d+)\b")
WAYS = ("first", "majority", "outcome", "process", "process-product", "process-last")


def is_right(prompt: Prompt, text: str) -> bool:
    """Whether all that a beginning states can be computed to be right."""
    stated = all(int(a) + int(b) == int(c) for a, b, c in _SUM.findall(text))
    return stated and all(int(each) == prompt.meta[RESULT] for each in _SAID.findall(text))


def check(answers: Sequence[One]) -> Mapping[str, float | None]:
    """Whether the final answer is the known one."""
    return {each.id: float(agrees(each.text, prompt.meta[RESULT])) for prompt, each in answers}


def trained(folder: Path, steps: Sequence[LabelledStep], chosen: Any, seed: int) -> str:
    """A reward model of these labels, by its name."""
    from rlaif.training import ProcessRewardConfig, train_process_reward

    base = shipped_model("micro")
    assert base is not None
    shutil.rmtree(folder, ignore_errors=True)
    config = ProcessRewardConfig(
        steps=chosen.steps, batch_size=32, learning_rate=1e-3, checkpoint_every=0, seed=seed
    )
    train_process_reward(
        config, step_examples(steps, hard=True), base=base, out=folder, progress=lambda *_: None
    )
    return f"reward:{folder}"


def numbers(models: ModelPool, model: str, protocol: str, drawn: Sequence[One]) -> dict[str, float]:
    """The number of each answer by a protocol; one without a number is no candidate."""
    said = pointwise(protocol).ask(models.judge(model), drawn, (), Asking())
    return {each.completion_ids[0]: each.value for each in said if each.value is not None}


def majority(own: Sequence[One]) -> One:
    """An answer whose final number most answers have; of several such numbers the one that came first."""
    said = [(_SAID.findall(each.text) or [""])[-1] for _, each in own]
    most = Counter(each for each in said if each).most_common(1)
    return own[said.index(most[0][0])] if most else own[0]


def best_of(models: ModelPool, process: str, outcome: str, chosen: Any, seed: int) -> dict[str, float]:
    """How often the answer that is taken of n is right, by each way to take it."""
    prompts = read_prompts("micro:sums-held-out")[: chosen.held_out]
    drawn = draw(models, ["micro"], prompts, chosen.draws, SAMPLING, seed).drawn
    by = {way: numbers(models, process, way, drawn) for way in WAYS if way.startswith("process")}
    by["outcome"] = numbers(models, outcome, "process-last", drawn)
    right: dict[str, list[float]] = {way: [] for way in (*WAYS, "oracle")}
    for prompt in prompts:
        own = [item for item in drawn if item[0].id == prompt.id]
        taken = {"first": own[0], "majority": majority(own)}
        for way, said in by.items():
            taken[way] = max(own, key=lambda item: said.get(item[1].id, float("-inf")))
        for way, item in taken.items():
            right[way].append(float(agrees(item[1].text, prompt.meta[RESULT])))
        right["oracle"].append(max(float(agrees(each.text, prompt.meta[RESULT])) for _, each in own))
    return {f"best of {chosen.draws}: {way}": sum(own) / len(own) for way, own in right.items()}


def measured(chosen: Any, seed: int) -> dict[str, Any]:
    """All figures of one seed."""
    prompts = read_prompts("micro:sums")
    random.Random(derived_seed("process reward", seed)).shuffle(prompts)
    models = ModelPool(ModelOptions(), seed=seed)
    with Store.open(chosen.work / "process-reward.sqlite") as store:
        models.record(store, "")
        drawn = draw(models, ["micro"], prompts[: chosen.prompts], chosen.each, SAMPLING, seed).drawn
        found = label_by_rollouts(
            models.writer("micro"), drawn, check, n=chosen.rollouts, sampling=SAMPLING, seed=seed
        ).steps
        known = [(each.p, is_right(each.prompt, each.text)) for each in found if each.p is not None]
        between = [
            (each.p, is_right(each.prompt, each.text))
            for each in found
            if each.rollouts and each.p is not None
        ]
        whole = [each for each in found if not each.rollouts]
        process = trained(chosen.work / f"prm-{seed}", found, chosen, seed)
        outcome = trained(chosen.work / f"orm-{seed}", whole, chosen, seed)
        row: dict[str, Any] = {
            "steps": len(known),
            "right by truth": sum(truth for _, truth in known) / len(known),
            "agreement, mostly right": sum((p > 0.5) == truth for p, truth in known) / len(known),
            "agreement between, any right": sum((p > 0) == truth for p, truth in between) / len(between),
            "agreement, any right": sum((p > 0) == truth for p, truth in known) / len(known),
        }
        return row | best_of(models, process, outcome, chosen, seed)


def main() -> None:
    """Label steps, train both reward models, and take the best of n, once a seed."""
    parser = options(__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--prompts", type=int, default=60, help="sums whose answers are labelled")
    parser.add_argument("--each", type=int, default=3, help="answers to each of them")
    parser.add_argument("--rollouts", type=int, default=4)
    parser.add_argument("--steps", type=int, default=120, help="of each reward model")
    parser.add_argument("--held-out", type=int, default=60, help="sums to take the best of n on")
    parser.add_argument("--draws", type=int, default=8)
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    names = ("prompts", "each", "rollouts", "steps", "held_out", "draws")
    results = Results(
        "process_reward", {name: getattr(chosen, name) for name in names} | bundled(), chosen.results
    )
    rows = [results.row({"seed": seed}, partial(measured, chosen, seed)) for seed in range(chosen.seeds)]
    results.criterion(
        method="Process reward",
        criterion="labels of steps (right where any rollout is) agree with what the steps state",
        values=[row["agreement, any right"] for row in rows],
        rule="above 0.85",
        model="micro",
    )
    note = (
        "tried: soft labels of 40 prompts and 60 optimizer steps (one seed: process .73, outcome .67, majority .97, as "
        "it comes .77); learned beginnings are told better than held-out ones: a model of 1.5 M parameters learns the "
        "sums that it saw"
    )
    for one, other in (("process", "outcome"), ("outcome", "majority"), ("process", "first")):
        results.criterion(
            method="Process reward",
            criterion=f"right answers, best of {chosen.draws}: by {one} above {other}",
            values=[
                row[f"best of {chosen.draws}: {one}"] - row[f"best of {chosen.draws}: {other}"]
                for row in rows
            ],
            rule="above 0",
            model="micro",
            note=note,
        )
    results.save()


if __name__ == "__main__":
    main()
