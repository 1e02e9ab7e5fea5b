"""Distillation: the policy learns to answer as a teacher does that is shown more than it (2112.00861, 2601.20802)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from rlaif.settings import setting
from rlaif.training import DistillConfig, Progress, TrainSummary
from rlaif.training.configs.distill import BASE, FULL, OWN_TEACHERS
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.method import Method, Role
from rlaif.workflows.training.methods.dpo import logp_cache
from rlaif.workflows.training.options import LOSS, TRAINED, MethodOptions, learned_of_turns


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillOptions(MethodOptions):
    """Options of distill."""

    names_model: ClassVar[str] = "teacher"
    own_models: ClassVar[tuple[str, ...]] = OWN_TEACHERS

    teacher: str = setting(
        BASE,
        help="Who teaches: the policy itself as it was (base), as it is (live), the mean of its weights over the steps "
        "(ema), or another model of the same tokenizer.",
        wanted="base, live, ema, or a model directory",
        group=TRAINED,
    )
    ema_rate: float | None = setting(
        None,
        help="Share of the newest weights in the mean of `ema` [default: 0.05].",
        above=0,
        below=1,
        group=TRAINED,
    )
    form: Literal["full", "top-k", "sampled", "jensen-shannon"] = setting(
        FULL,
        help="What is compared: whole distributions, the likeliest tokens, the answer's own tokens.",
        group=LOSS,
    )
    direction: Literal["reverse", "forward"] | None = setting(
        None,
        help="KL(student || teacher), or KL(teacher || student); read by full and top-k [default: reverse].",
        group=LOSS,
    )
    top_k: int | None = setting(
        None,
        help="Of `top-k`: how many of the student's likeliest tokens stand beside one bucket of all others "
        "[default: 100].",
        least=1,
        group=LOSS,
    )
    alpha: float | None = setting(
        None,
        help="Of `jensen-shannon`: the teacher's share of the mixture [default: 0.5].",
        above=0,
        below=1,
        group=LOSS,
    )
    max_ratio: float | None = setting(
        None, help="Of `sampled`: what pi / pi_old counts at most [default: 2].", above=0, group=LOSS
    )
    train_on: Literal["all", "answer"] = learned_of_turns()


def _config(options: DistillOptions, shared: dict[str, object]) -> DistillConfig:
    return DistillConfig(
        form=options.form,
        direction=options.direction,
        top_k=options.top_k,
        alpha=options.alpha,
        max_ratio=options.max_ratio,
        teacher=options.teacher,
        ema_rate=options.ema_rate,
        train_on=options.train_on,
        **shared,  # type: ignore[arg-type]
    )


def _check(options: DistillOptions, where: str) -> None:
    _config(options, options.checked_loop(where))


def _fits(options: DistillOptions, policy: Path, other: Path | None) -> None:
    """Raise ModelError, RecipeError where a teacher has another tokenizer, or there are fewer tokens than top_k."""
    from rlaif.engines.local.load import load_counting_tokenizer
    from rlaif.training.distill import check_top
    from rlaif.training.teachers import check_same_tokens

    if other is not None:
        check_same_tokens(other, policy)
    if options.top_k is not None:
        check_top(_config(options, {}), len(load_counting_tokenizer(policy).get_vocab()))


def _loop_of(job: TrainJob) -> tuple[DistillConfig, int]:
    assert isinstance(job.options, DistillOptions)
    return _config(job.options, job.loop_fields(len(job.examples))), len(job.examples)


def _run(job: TrainJob, progress: Progress) -> TrainSummary:
    from rlaif.training import train_distill

    return train_distill(
        _loop_of(job)[0],
        job.examples,
        policy=job.base,
        teacher=job.reference_dir,
        sampled=job.sampled,
        cache=logp_cache(job.out),
        out=job.out,
        card=job.card,
        progress=progress,
        alarm=job.alarm,
    )


METHOD = Method(
    name="distill",
    help="Train the policy to answer without a context as a teacher does that is shown it: a constitution, a critique, "
    "a better answer.",
    options=DistillOptions,
    trains=Role.POLICY,
    alarms=True,
    run=_run,
    check=_check,
    fits=_fits,
    loop_of=_loop_of,
    takes=("examples",),
    # another model as the teacher may know more of the same turns
    reads_examples=lambda options: (
        ("teacher", "make them by a step `contexts`, or name another model as teacher")
        if options.teacher in OWN_TEACHERS
        else ("", "")
    ),
    uses_pairs=False,
    examples=(
        "rlaif train distill runs/distilled --out models/distilled",
        "rlaif train distill contexts.jsonl --policy micro --out models/d --form top-k --teacher ema",
    ),
)
