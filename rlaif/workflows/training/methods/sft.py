"""Supervised fine-tuning: the policy imitates chosen answers, revisions, or examples that a recipe made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rlaif.errors import RecipeError
from rlaif.feedback.revise import REVISION
from rlaif.records import Example
from rlaif.settings import setting
from rlaif.training import Progress, SFTConfig, TrainSummary
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.method import Method, Role
from rlaif.workflows.training.options import DATA, MethodOptions, learned_of_turns


@dataclass(frozen=True, slots=True, kw_only=True)
class SFTOptions(MethodOptions):
    """Options of sft."""

    learn: Literal["chosen", "revisions", "good-bad"] = setting(
        "chosen",
        help="What is imitated: chosen answers, those that are revisions, or both sides under a good and a bad "
        "system turn.",
        group=DATA,
    )
    train_on: Literal["all", "answer"] = learned_of_turns()


def _check(options: SFTOptions, where: str) -> None:
    SFTConfig(**options.checked_loop(where), train_on=options.train_on)


def _config(job: TrainJob, rows: int) -> SFTConfig:
    assert isinstance(job.options, SFTOptions)
    return SFTConfig(**job.loop_fields(rows), train_on=job.options.train_on)


def _of_revisions(options: SFTOptions) -> bool:
    return options.learn == "revisions"


def _learned(job: TrainJob) -> list[Example]:
    from rlaif.workflows.training.datasets import examples

    options = job.options
    assert isinstance(options, SFTOptions)
    revisions = bool(job.examples) and all(each.kind == REVISION for each in job.examples)
    if job.examples and options.learn != SFTOptions().learn and not (revisions and _of_revisions(options)):
        raise RecipeError(
            f"sft: learn {options.learn!r} is about pairs, and examples are given; remove learn"
        )
    return list(job.examples) or examples(job.pairs, options.learn)


def _loop_of(job: TrainJob) -> tuple[SFTConfig, int]:
    rows = len(_learned(job))
    return _config(job, rows), rows


def _run(job: TrainJob, progress: Progress) -> TrainSummary:
    from rlaif.training import train_sft

    learned = _learned(job)
    return train_sft(
        _config(job, len(learned)),
        learned,
        policy=job.base,
        sampled=job.sampled,
        out=job.out,
        card=job.card,
        progress=progress,
        alarm=job.alarm,
    )


METHOD = Method(
    name="sft",
    help="Train the policy to imitate: chosen answers, or those that are revisions.",
    options=SFTOptions,
    trains=Role.POLICY,
    alarms=True,
    run=_run,
    check=_check,
    loop_of=_loop_of,
    learns_revisions=_of_revisions,
    takes=("pairs", "examples"),
    examples=(
        "rlaif train sft runs/r1 --out models/r1-sft",
        "rlaif train sft runs/r1 --learn good-bad --epochs 2",
    ),
)
