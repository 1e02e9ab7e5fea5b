"""A process reward model: P(right) of each step of an answer, learned from labelled steps (2305.20050, 2312.08935)."""

from __future__ import annotations

from dataclasses import dataclass

from rlaif.training import ProcessRewardConfig, Progress, TrainSummary
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.method import Method, Role
from rlaif.workflows.training.options import MethodOptions
from rlaif.workflows.training.reward_coverage import keep_prompts

LABELS = "step label"
"""What its examples carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRewardOptions(MethodOptions):
    """Options of process-reward."""


def _check(options: ProcessRewardOptions, where: str) -> None:
    ProcessRewardConfig(**options.checked_loop(where))


def _loop_of(job: TrainJob) -> tuple[ProcessRewardConfig, int]:
    return ProcessRewardConfig(**job.loop_fields(len(job.examples))), len(job.examples)


def _run(job: TrainJob, progress: Progress) -> TrainSummary:
    from rlaif.training import train_process_reward

    done = train_process_reward(
        _loop_of(job)[0], job.examples, base=job.base, out=job.out, card=job.card, progress=progress
    )
    keep_prompts(done.out, job.base, [each.messages[: -each.learned] for each in job.examples])
    return done


METHOD = Method(
    name="process-reward",
    help="Train a process reward model: P(right) of each step of an answer, from labelled steps.",
    options=ProcessRewardOptions,
    trains=Role.REWARD_MODEL,
    run=_run,
    check=_check,
    loop_of=_loop_of,
    takes=("examples",),
    reads_examples=lambda _: (LABELS, "make them by a step `step-labels`"),
    uses_pairs=False,
    asked_by="process",
    examples=(
        "rlaif train process-reward runs/r1/round-1/labels.jsonl --policy micro --out models/prm",
        "rlaif train process-reward runs/r1/round-1/labels.jsonl --policy micro --out models/prm --epochs 2",
    ),
)
