"""What the experiments about judge data share: answers of `micro` with gold of each principle, judges, short trainings.

Gold says which of two answers follows a principle better. It labels the tests by which judges are measured; no training
that an experiment measures sees it, unless its file says so.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.constitution import load_principles
from rlaif.exchange.prompts import read_prompts
from rlaif.feedback.system_turn import system_turn
from rlaif.hashing import derived_seed
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocols import Asking, pairwise
from rlaif.records import Completion, Constitution, Example, Pair, Principle, Prompt, Sampling
from rlaif.shipped import shipped_model
from rlaif.store import Store
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.models.gold import grade
from rlaif.workflows.models.pool import ModelPool

CONSTITUTION = load_principles("micro-default")
SAMPLING = Sampling(temperature=1.0, max_tokens=160)
ABOUT_THE_PROMPT = ("use-name", "reason", "ordered-steps", "warn", "alternative", "sympathy", "advice")
"""Principles that a good answer to another prompt does not follow: it says the content of that one."""


class Question(NamedTuple):
    """Two answers to a prompt, of which by gold the first follows the principle and the second does not."""

    prompt: Prompt
    better: Completion
    worse: Completion
    principle: Principle

    @property
    def pair(self) -> Pair:
        """As a pair whose better side is known by construction."""
        sides = self.better.turns, self.worse.turns
        return Pair(prompt=self.prompt.messages, chosen=sides[0], rejected=sides[1], label_prob=1.0)


def rules(names: Sequence[str] = ()) -> Constitution:
    """The constitution of these principles."""
    kept = [each for each in CONSTITUTION.principles if not names or each.id in names]
    return replace(CONSTITUTION, principles=tuple(kept))


def prompts(split: str, count: int, seed: int) -> list[Prompt]:
    """`count` prompts of a set, others for each seed."""
    held = read_prompts(f"micro:{split}")
    return random.Random(derived_seed("prompts", split, seed)).sample(held, count)


def drawn(
    store: Store, model: str, asked: Sequence[Prompt], n: int, seed: int, system: str | None = None
) -> list[tuple[Prompt, Completion]]:
    """`n` answers to each prompt, under a system turn where one is named."""
    models = ModelPool(ModelOptions(), seed=seed)
    models.record(store, "")
    return draw(models, [model], list(asked), n, SAMPLING, seed, system_turn(system, CONSTITUTION)).drawn


def judge_of(store: Store, model: str, seed: int = 0) -> ModelJudge:
    """A model as a judge, behind the store."""
    models = ModelPool(ModelOptions(), seed=seed)
    models.record(store, "")
    found = models.judge(model)
    assert isinstance(found, ModelJudge)
    return found


def told_apart(prompt: Prompt, one: Completion, other: Completion, among: Constitution) -> list[Question]:
    """The principles by which gold tells two answers apart, the better one first."""
    first, second = grade(prompt, one, among), grade(prompt, other, among)
    found = []
    for each in among.principles:
        values = first.get(each.id), second.get(each.id)
        if None not in values and values[0] != values[1]:
            two = (one, other) if values[0] else (other, one)
            found.append(Question(prompt, *two, each))
    return found


def accuracy(judge: ModelJudge, questions: Sequence[Question], protocol: str = "compare") -> dict[str, float]:
    """Share of the questions, each in both orders, whose verdict is gold's; and of those that could not be read."""
    right = unreadable = 0
    for principle in {each.principle.id: each.principle for each in questions}.values():
        own = [each for each in questions if each.principle.id == principle.id]
        items = [(each.prompt, each.better, each.worse) for each in own]
        better = {each.better.id for each in own}
        for judgment in pairwise(protocol).ask(judge, items, [principle], Asking(again=0)):
            if judgment.value is None:
                unreadable += 1
            elif judgment.value != 0.5:
                right += (judgment.value > 0.5) == (judgment.completion_ids[0] in better)
    count = 2 * len(questions)
    return {"accuracy": right / count, "unreadable": unreadable / count}


def learned(
    work: Path, base: str, examples: Sequence[Example], *, name: str, steps: int, seed: int, rate: float
) -> str:
    """Imitate the examples, starting from `base`; the directory of the new model."""
    from rlaif.training import SFTConfig, train_sft

    folder = _fresh(work / name)
    train_sft(
        SFTConfig(steps=steps, batch_size=32, learning_rate=rate, seed=seed, checkpoint_every=0),
        examples,
        policy=directory(base),
        out=folder,
        progress=lambda *_: None,
    )
    return str(folder)


def preferred(
    work: Path, base: str, pairs: Sequence[Pair], *, name: str, steps: int, seed: int, rate: float
) -> str:
    """Prefer the chosen sides, starting from `base`; the directory of the new model."""
    from rlaif.training import DPOConfig, train_dpo

    folder = _fresh(work / name)
    settings = DPOConfig(
        steps=steps, batch_size=32, seed=seed, checkpoint_every=0, beta=0.2, learning_rate=rate, nll=0.2
    )
    train_dpo(
        settings, pairs, policy=directory(base), reference="previous", out=folder, progress=lambda *_: None
    )
    return str(folder)


def directory(model: str) -> Path:
    """Where a model lies."""
    return shipped_model(model) or Path(model)


def some(rows: Iterable[Any], count: int, *seed: object) -> list[Any]:
    """`count` of the rows at most, by chance."""
    held = list(rows)
    return random.Random(derived_seed("some", *map(str, seed))).sample(held, min(count, len(held)))


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return folder
