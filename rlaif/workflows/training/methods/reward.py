"""A Bradley-Terry reward model: a scalar for each completion, higher for chosen than for rejected (1706.03741)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rlaif.records import Pair
from rlaif.settings import setting
from rlaif.training import Progress, RewardConfig, TrainSummary
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.method import Method, Role
from rlaif.workflows.training.options import LOSS, TRAINED, PairTrainingOptions
from rlaif.workflows.training.reward_coverage import keep_prompts

ALL_HEADS = ("all",)


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardOptions(PairTrainingOptions):
    """Options of reward."""

    loss: Literal["soft", "hard", "sigmoid"] = setting(
        "soft",
        help="The target: the judge's probability (soft), or chosen for certain (hard, also called sigmoid).",
        group=LOSS,
    )
    margin: float = setting(
        0.0, help="Times score_gap, what the two rewards must differ by.", least=0, group=LOSS
    )
    centering: float = setting(
        0.0, help="Weight of what keeps rewards near zero; 0.01 is usual.", least=0, group=LOSS
    )
    heads: tuple[str, ...] = setting(
        (),
        help="Principles with a reward of their own, or all.",
        metavar="ID,ID",
        wanted="a list of principles, or [all]",
        group=TRAINED,
    )


def reward_config(options: RewardOptions, shared: Mapping[str, Any], pairs: Sequence[Pair]) -> RewardConfig:
    """The configuration of the trainer; `shared` are fields of the loop. Raises RecipeError naming the field."""
    return RewardConfig(
        loss={"hard": "sigmoid"}.get(options.loss, options.loss),
        margin=options.margin,
        centering=options.centering,
        heads=_principles(pairs) if options.heads == ALL_HEADS else options.heads,
        held_out=options.held_out_pairs,
        stop=options.stop,
        **shared,
    )


def _check(options: RewardOptions, where: str) -> None:
    reward_config(options, options.checked_loop(where), ())


def _loop_of(job: TrainJob) -> tuple[RewardConfig, int]:
    assert isinstance(job.options, RewardOptions)
    return reward_config(job.options, job.loop_fields(len(job.pairs)), job.pairs), len(job.pairs)


def _run(job: TrainJob, progress: Progress) -> TrainSummary:
    from rlaif.training import train_reward

    assert isinstance(job.options, RewardOptions)
    done = train_reward(
        _loop_of(job)[0],
        job.pairs,
        base=job.base,
        sampled=job.sampled,
        out=job.out,
        card=job.card,
        progress=progress,
    )
    keep_prompts(done.out, job.base, [each.prompt for each in job.pairs])
    return done


def _principles(pairs: Sequence[Pair]) -> tuple[str, ...]:
    return tuple(sorted({str(each["id"]) for pair in pairs for each in pair.principles}))


METHOD = Method(
    name="reward",
    help="Train a reward model: a scalar for each completion, higher for chosen than for rejected.",
    options=RewardOptions,
    trains=Role.REWARD_MODEL,
    run=_run,
    check=_check,
    loop_of=_loop_of,
    examples=(
        "rlaif train reward runs/r1 --out models/r1-reward",
        "rlaif train reward runs/r1 --centering 0.01 --heads all",
    ),
)
