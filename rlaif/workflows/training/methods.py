"""A train step to a method's own configuration, and the call of the method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaif.errors import InputError, RecipeError
from rlaif.records import Example, Pair
from rlaif.runs.layout import LOGPS
from rlaif.store import find_store
from rlaif.training import DPOConfig, RewardConfig, SFTConfig, TrainSummary
from rlaif.training.configs import TrainConfig as MethodConfig
from rlaif.workflows.recipe.recipes import TrainStep
from rlaif.workflows.training.datasets import examples, judge_examples, judge_pairs
from rlaif.workflows.training.loop_options import loop_options

if TYPE_CHECKING:
    from rlaif.workflows.training.run import TrainJob

LORA_RANK = 16
"""Beside the project's store: log-probabilities of references, shared by all its trainings."""
_DPO = ("reference", "beta", "nll", "loss", "loss_options", "labels", "wpo", "held_out_pairs", "stop")
USES: Mapping[str, tuple[str, ...]] = {
    "dpo": (*_DPO, "replay", "replay_from"),
    "reward": ("loss", "margin", "centering", "heads", "held_out_pairs", "stop"),
    "sft": ("learn",),
    "judge": ("via",),
    "judge via dpo": ("via", *_DPO),
}
"""Options that belong to some methods only; all others belong to all."""
_ONLY = {name for names in USES.values() for name in names}


def method_of(step: TrainStep) -> str:
    """Which row of `USES` a step is."""
    return "judge via dpo" if step.method == "judge" and step.via == "dpo" else step.method


def check_step(step: TrainStep, where: str = "train") -> None:
    """Raise InputError for what the step's method does not use, or cannot use so; opens no model."""
    usual = TrainStep()
    for name in sorted(_ONLY - set(USES[method_of(step)])):
        if getattr(step, name) != getattr(usual, name):
            raise RecipeError(f"{where}: {name} is not used by method {method_of(step)}; remove it")
    if step.steps is not None and step.epochs is not None:
        raise RecipeError(f"{where}: steps and epochs are both given; remove one")
    configure(step, loop_options(step.loop, f"{where}: loop"), ())


def configure(step: TrainStep, shared: Mapping[str, Any], pairs: Sequence[Pair]) -> MethodConfig:
    """The method's configuration. Raises RecipeError naming the field."""
    if method_of(step) in ("dpo", "judge via dpo"):
        return DPOConfig(
            loss=step.loss,
            beta=step.beta,
            loss_options=step.loss_options,
            labels=step.labels,
            wpo=step.wpo,
            nll=step.nll,
            replay=dict(step.replay),
            held_out=step.held_out_pairs,
            stop=step.stop,
            **shared,
        )
    if step.method == "reward":
        return RewardConfig(
            loss={"hard": "sigmoid"}.get(step.loss, step.loss),
            margin=step.margin,
            centering=step.centering,
            heads=_heads(step, pairs),
            held_out=step.held_out_pairs,
            stop=step.stop,
            **shared,
        )
    return SFTConfig(**shared)


def run_method(job: TrainJob, report: Any) -> TrainSummary:
    """Train, or go on with, or only read what is finished already."""
    from rlaif import training

    step = job.step
    pairs: Sequence[Pair] = job.pairs
    if step.method == "judge":
        if job.constitution is None:
            raise InputError("a judge is trained on a run of `rlaif generate`, which keeps its constitution")
        pairs = judge_pairs(pairs, job.constitution)
    learned: list[Example] = []
    if method_of(step) in ("sft", "judge"):
        learned = judge_examples(pairs) if step.method == "judge" else examples(pairs, step.learn)
    config = configure(step, _shared(job, len(learned) or len(pairs)), pairs)
    outer: dict[str, Any] = {"out": job.out, "card": job.card, "progress": report}
    if isinstance(config, RewardConfig):
        return training.train_reward(config, pairs, base=job.base, sampled=job.sampled, **outer)
    if isinstance(config, SFTConfig):
        return training.train_sft(config, learned, policy=job.base, sampled=job.sampled, **outer)
    assert isinstance(config, DPOConfig)
    return training.train_dpo(
        config,
        pairs,
        policy=job.base,
        reference=step.reference,
        reference_dir=job.reference_dir,
        replay=job.replay,
        sampled=job.sampled,
        cache=logp_cache(job.out),
        **outer,
    )


def logp_cache(out: Path) -> Path:
    """Where the project keeps its references' log-probabilities."""
    return find_store(out).parent / LOGPS


def rank(job: TrainJob) -> int:
    """Of the adapter; 0 trains all weights."""
    return job.lora or (LORA_RANK if job.step.lora is True else int(job.step.lora))


def _shared(job: TrainJob, rows: int) -> dict[str, Any]:
    step = job.step
    shared: dict[str, Any] = {
        "steps": _steps(step, rows),
        "learning_rate": step.learning_rate,
        "lora": rank(job),
        "seed": job.seed,
        "chat_template_kwargs": dict(job.chat_template_kwargs),
        **loop_options(step.loop, "loop"),
        **job.loop,
    }
    if step.batch_size is not None:
        shared["batch_size"] = step.batch_size
    return shared


def _steps(step: TrainStep, rows: int) -> int | None:
    if step.steps is not None or step.epochs is None:
        return step.steps
    trained = rows * (1 - step.held_out_pairs)
    return max(1, math.ceil(step.epochs * trained / (step.batch_size or DPOConfig().batch_size)))


def _heads(step: TrainStep, pairs: Sequence[Pair]) -> tuple[str, ...]:
    if step.heads != ("all",):
        return step.heads
    return tuple(sorted({str(each["id"]) for pair in pairs for each in pair.principles}))


def step_names() -> tuple[str, ...]:
    """Fields that `rlaif train` sets by options of the same name."""
    others = ("step", "method", "lora", "loop")
    return tuple(each.name for each in fields(TrainStep) if each.name not in others)
