"""What the microworld experiments share: one pool of judged pairs a bundled model, short trainings, gold of a policy.

Every prompt of the pool has two answers of `micro`; which of them is better, a judge says by the checklist, and gold
knows. Gold only measures: no training sees it.
"""

from __future__ import annotations

import math
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from rlaif.constitution import load_principles
from rlaif.engines.fingerprint import model_fingerprint
from rlaif.exchange.pairs import read_pairs
from rlaif.exchange.prompts import read_prompts
from rlaif.hashing import derived_seed
from rlaif.records import Completion, Pair, Prompt, Sampling
from rlaif.shipped import shipped_model
from rlaif.store import Store
from rlaif.workflows.configs import GenerateConfig, JudgeConfig, ModelOptions
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.generate.run import generate, judge
from rlaif.workflows.models.defaults import choose_generate, choose_judge
from rlaif.workflows.models.gold import grade, share_met
from rlaif.workflows.models.pool import ModelPool

Row = TypeVar("Row")
CONSTITUTION = "micro-default"
SAMPLING = Sampling(temperature=1.0, max_tokens=160)
BETA, RATE, BATCH = 0.2, 5e-4, 32
DPO = {"beta": BETA, "learning_rate": RATE, "batch_size": BATCH}
"""What every policy is trained with, unless a loss has a beta of its own."""


class Known(NamedTuple):
    """A pair with the gold of its two sides: shares of the principles that they follow."""

    pair: Pair
    chosen: float
    rejected: float

    @property
    def swapped(self) -> Known:
        """The other way round."""
        pair = replace(
            self.pair,
            chosen=self.pair.rejected,
            rejected=self.pair.chosen,
            label_prob=1 - self.pair.label_prob,
        )
        return Known(pair, self.rejected, self.chosen)


def bundled() -> dict[str, str]:
    """Fingerprints: results belong to these weights."""
    found = {}
    for name in ("micro", "micro:weak"):
        folder = shipped_model(name)
        assert folder is not None
        found[name] = model_fingerprint(folder)
    return found


@cache
def pool(work: Path, prompts: int, judge_name: str) -> list[Known]:
    """The pairs as this judge labels them; those that gold finds equal are there too."""
    prints = bundled()
    base = work / f"pool-{prints['micro'][3:11]}-{prompts}"
    shared: dict[str, Any] = {
        "protocol": "checklist",
        "pairing": "random",
        "inconsistent": "average",
        "critique": False,
        "min_pair_share": 0.0,
        "store": work / "store.sqlite",
    }
    drawn = GenerateConfig(
        out=base / "micro",
        policy=("micro",),
        judge="micro",
        prompts="micro:train",
        constitution=CONSTITUTION,
        n=2,
        limit=prompts,
        max_tokens=SAMPLING.max_tokens,
        **shared,
    )
    place = generate(choose_generate(drawn)).run
    if judge_name != "micro":
        out = base / f"{judge_name.replace(':', '-')}-{prints[judge_name][3:11]}"
        asked = JudgeConfig(source=place, out=out, judge=judge_name, constitution=CONSTITUTION, **shared)
        place = judge(choose_judge(asked)).run
    by_turns = {each.messages: each for each in read_prompts("micro:train")}
    return [_known(pair, by_turns[pair.prompt]) for pair in read_pairs(place / "pairs.jsonl")]


def blurred(known: Known, sigma: float) -> Known:
    """The label with noise in its log-odds, as of a judge that is less sure than it says; drawn from the pair's id."""
    rng = random.Random(derived_seed("blur", known.pair.id))
    p = min(max(known.pair.label_prob, 1e-3), 1 - 1e-3)
    noisy = 1 / (1 + math.exp(-(math.log(p / (1 - p)) + rng.gauss(0, sigma))))
    again = known._replace(pair=replace(known.pair, label_prob=noisy))
    return again if noisy >= 0.5 else again.swapped


def label_accuracy(pairs: Sequence[Known]) -> float:
    """Share of the pairs, of those that gold tells apart, whose chosen side is the better one."""
    apart = [each for each in pairs if each.chosen != each.rejected]
    return sum(each.chosen > each.rejected for each in apart) / len(apart)


def some(pairs: Sequence[Known], count: int, seed: int) -> list[Known]:
    """`count` of them, another choice for each seed."""
    return some_of(pairs, count, seed)


def some_of(rows: Sequence[Row], count: int, seed: int) -> list[Row]:
    """`count` rows of any kind, another choice for each seed."""
    return random.Random(derived_seed("some", seed)).sample(list(rows), count)


def policy_gold(
    work: Path, pairs: Sequence[Known], *, seed: int, steps: int, prompts: int, config: Mapping[str, Any]
) -> dict[str, float]:
    """Train `micro` by DPO as `config` says and grade the answers that it then gives to held-out prompts."""
    from rlaif.training import DPOConfig, train_dpo

    folder = work / "model"
    shutil.rmtree(folder, ignore_errors=True)
    base = shipped_model("micro")
    assert base is not None
    own = {"beta": BETA, "learning_rate": RATE, **config}
    reference = own.pop("reference", "previous")
    settings = DPOConfig(steps=steps, batch_size=BATCH, seed=seed, checkpoint_every=0, **own)
    train_dpo(
        settings,
        [each.pair for each in pairs],
        policy=base,
        reference=reference,
        out=folder,
        progress=lambda *_: None,
    )
    found = gold_of(work, str(folder), prompts=prompts, seed=seed)
    shutil.rmtree(folder)
    return found


def gold_of(work: Path, policy: str, *, prompts: int, seed: int) -> dict[str, float]:
    """Mean gold and length of one answer at temperature 1 to each of the first held-out prompts."""
    graded, lengths = [], []
    for _, said, gold in answers(work, policy, prompts=prompts, n=1, seed=seed):
        graded.append(gold)
        lengths.append(len(said.text.split()))
    return {"gold": float(np.mean(graded)), "words": float(np.mean(lengths))}


def answers(
    work: Path, policy: str, *, prompts: int, n: int, seed: int
) -> list[tuple[Prompt, Completion, float]]:
    """Answers to held-out prompts, each with its gold."""
    constitution = load_principles(CONSTITUTION)
    asked = read_prompts("micro:held-out")[:prompts]
    models = ModelPool(ModelOptions(), seed=seed)
    kept = policy == "micro"  # its draws serve several experiments
    scratch = work / ("micro-answers.sqlite" if kept else "answers.sqlite")
    if not kept:
        scratch.unlink(missing_ok=True)
    with Store.open(scratch) as store:
        models.record(store, "")
        drawn = draw(models, [policy], asked, n, SAMPLING, seed)
    found = []
    for prompt, said in drawn:
        gold = share_met(grade(prompt, said, constitution))
        if gold is not None:
            found.append((prompt, said, gold))
    return found


def _known(pair: Pair, prompt: Prompt) -> Known:
    constitution = load_principles(CONSTITUTION)
    both = [
        share_met(
            grade(prompt, Completion(prompt_id=prompt.id, text=side[-1].content, policy=""), constitution)
        )
        for side in (pair.chosen, pair.rejected)
    ]
    return Known(pair, both[0] or 0.0, both[1] or 0.0)
