"""Training of a judge: it learns which label is right, on the questions that it was asked about the pairs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from rlaif.errors import InputError, RecipeError
from rlaif.records import Pair
from rlaif.settings import setting
from rlaif.training import LoopConfig, Progress, SFTConfig, TrainSummary
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.method import Method, Role
from rlaif.workflows.training.methods.dpo import (
    PreferenceOptions,
    check_preference,
    preference_config,
    train_preference,
)
from rlaif.workflows.training.options import LOSS, MethodOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeTrainingOptions(PreferenceOptions):
    """Options of judge; those of the loss are for `via: dpo`."""

    via: Literal["sft", "dpo"] = setting(
        "sft", help="Imitate the right label, or prefer it to the wrong one.", group=LOSS
    )

    @property
    def prefers(self) -> bool:
        """Whether the right label is preferred to the wrong one, and not imitated."""
        return self.via == "dpo"


def _check(options: JudgeTrainingOptions, where: str) -> None:
    if options.prefers:
        check_preference(options, where)
        return
    shared, usual = {each.name for each in fields(MethodOptions)} | {"via"}, JudgeTrainingOptions()
    for each in fields(JudgeTrainingOptions):
        if each.name not in shared and getattr(options, each.name) != getattr(usual, each.name):
            raise RecipeError(
                f"{where}: {each.name} is not used by method judge with via: sft; remove it, or set via: dpo"
            )
    SFTConfig(**options.checked_loop(where))


def _questions(job: TrainJob) -> list[Pair]:
    from rlaif.workflows.training.datasets import judge_pairs

    if job.constitution is None:
        raise InputError("a judge is trained on a run of `rlaif generate`, which keeps its constitution")
    return judge_pairs(job.pairs, job.constitution)


def _loop_of(job: TrainJob) -> tuple[LoopConfig, int]:
    assert isinstance(job.options, JudgeTrainingOptions)
    rows = len(_questions(job))
    shared = job.loop_fields(rows)
    return preference_config(job.options, shared) if job.options.prefers else SFTConfig(**shared), rows


def _run(job: TrainJob, progress: Progress) -> TrainSummary:
    from rlaif.training import train_sft
    from rlaif.workflows.training.datasets import judge_examples

    assert isinstance(job.options, JudgeTrainingOptions)
    questions = _questions(job)
    if job.options.prefers:
        return train_preference(job, questions, progress)
    learned = judge_examples(questions)
    return train_sft(
        SFTConfig(**job.loop_fields(len(learned))),
        learned,
        policy=job.base,
        sampled=job.sampled,
        out=job.out,
        card=job.card,
        progress=progress,
    )


METHOD = Method(
    name="judge",
    help="Train a judge on its own questions about the pairs, in both orders, towards the right label.",
    options=JudgeTrainingOptions,
    trains=Role.JUDGE,
    run=_run,
    check=_check,
    loop_of=_loop_of,
    asks_constitution=True,
    uses_pairs=False,
    examples=(
        "rlaif train judge runs/r1 --out models/judge",
        "rlaif train judge runs/r1 --via dpo --beta 0.2 --steps 40",
    ),
)
