"""KTO from single answers: each was liked or not, and none needs another one to be compared with (2402.01306)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rlaif.errors import RecipeError
from rlaif.records import Example, Message, Pair
from rlaif.settings import setting
from rlaif.training import Progress, ThumbsConfig, TrainSummary
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.method import Method, Role
from rlaif.workflows.training.methods.dpo import OWN_REFERENCE, logp_cache
from rlaif.workflows.training.options import LOSS, TRAINED, MethodOptions, learned_of_turns


@dataclass(frozen=True, slots=True, kw_only=True)
class ThumbsOptions(MethodOptions):
    """Options of thumbs."""

    names_model: ClassVar[str] = "reference"
    own_models: ClassVar[tuple[str, ...]] = OWN_REFERENCE

    reference: str = setting(
        "previous",
        help="Whom the policy is held to: init, previous or a model.",
        wanted="init, previous, or a model",
        group=TRAINED,
    )
    beta: float = setting(0.1, help="Strength of the pull to the reference.", above=0, group=LOSS)
    desirable_weight: float | None = setting(
        None,
        help="How much liked answers count [default: all together as much as all disliked ones].",
        above=0,
        group=LOSS,
    )
    undesirable_weight: float = setting(1.0, help="How much disliked answers count.", above=0, group=LOSS)
    train_on: Literal["all", "answer"] = learned_of_turns()


def _check(options: ThumbsOptions, where: str) -> None:
    if options.reference == "none":
        raise RecipeError(
            f"{where}: reference is none, and thumbs compares with one; say init, previous or a model"
        )
    shared = options.checked_loop(where)
    if options.batch_size is not None:
        shared["batch_size"] = options.batch_size
    ThumbsConfig(**shared, train_on=options.train_on)


def _config(job: TrainJob, rows: int) -> ThumbsConfig:
    options = job.options
    assert isinstance(options, ThumbsOptions)
    return ThumbsConfig(
        beta=options.beta,
        desirable_weight=options.desirable_weight,
        undesirable_weight=options.undesirable_weight,
        train_on=options.train_on,
        **job.loop_fields(rows),
    )


def _learned(job: TrainJob) -> list[Example]:
    return list(job.examples) or thumbs_of(job.pairs)


def thumbs_of(pairs: Sequence[Pair]) -> list[Example]:
    """Each side of the pairs once, the chosen ones liked. One that is chosen here and rejected there has no thumb.

    Nor has one that was cut off: alone, the end that it lacks is all that sets it apart from a whole answer.
    """
    from rlaif.training.thumbs import DOWN, UP

    thumbs: dict[str, set[str]] = {}
    found: dict[str, Example] = {}
    for pair in pairs:
        sides = zip((UP, DOWN), ("chosen", "rejected"), pair.completion_ids, strict=True)
        for kind, side, name in sides:
            if pair.truncated == side:
                continue
            turns = pair.chosen if side == "chosen" else pair.rejected
            thumbs.setdefault(name, set()).add(kind)
            found.setdefault(name, _example(pair, turns, kind))
    return [each for name, each in found.items() if len(thumbs[name]) == 1]


def _example(pair: Pair, turns: tuple[Message, ...], kind: str) -> Example:
    return Example(
        messages=(*pair.prompt, *turns), tools=pair.tools, kind=kind, weight=pair.weight, learned=len(turns)
    )


def _loop_of(job: TrainJob) -> tuple[ThumbsConfig, int]:
    rows = len(_learned(job))
    return _config(job, rows), rows


def _run(job: TrainJob, progress: Progress) -> TrainSummary:
    from rlaif.training import train_thumbs

    learned, options = _learned(job), job.options
    assert isinstance(options, ThumbsOptions)
    return train_thumbs(
        _config(job, len(learned)),
        learned,
        policy=job.base,
        reference=options.reference,
        reference_dir=job.reference_dir,
        sampled=job.sampled,
        cache=logp_cache(job.out),
        out=job.out,
        card=job.card,
        progress=progress,
        alarm=job.alarm,
    )


METHOD = Method(
    name="thumbs",
    help="Train the policy on single answers that were liked or not, without partners (KTO).",
    options=ThumbsOptions,
    trains=Role.POLICY,
    alarms=True,
    run=_run,
    check=_check,
    loop_of=_loop_of,
    takes=("pairs", "examples"),
    reads_examples=lambda _: ("thumb", "make them by a step `examples` with `condition: thumb`"),
    uses_pairs=False,
    examples=(
        "rlaif train thumbs runs/r1 --out models/r1-thumbs",
        "rlaif train thumbs runs/r1 --beta 0.2 --desirable-weight 1.5",
    ),
)
