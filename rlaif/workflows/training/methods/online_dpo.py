"""Online DPO: the best and the worst rollout of each prompt are a pair (2402.04792)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.errors import RecipeError
from rlaif.settings import setting
from rlaif.training import OnlineDPOConfig, Progress, TrainSummary
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.method import Method
from rlaif.workflows.training.online_options import (
    NO_REFERENCE,
    HeldOptions,
    check_online,
    fits_online,
    online_config,
    online_loop,
    run_online,
)
from rlaif.workflows.training.options import LOSS, ROLLOUTS


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineDPOOptions(HeldOptions):
    """Options of online-dpo."""

    n: int = setting(2, help="Rollouts of a prompt.", least=1, group=ROLLOUTS)
    beta: float = setting(0.1, help="Strength of the pull to the reference.", above=0, group=LOSS)


def _config(options: OnlineDPOOptions, shared: Mapping[str, Any]) -> OnlineDPOConfig:
    if options.reference == NO_REFERENCE:
        raise RecipeError("online-dpo compares with a reference; say reference: previous, init or a model")
    return online_config(OnlineDPOConfig, options, shared, {"beta": options.beta})


def _check(options: OnlineDPOOptions, where: str) -> None:
    check_online(options, where, _config)


def _loop_of(job: TrainJob) -> tuple[OnlineDPOConfig, int]:
    return online_loop(job, OnlineDPOConfig, _config)


def _run(job: TrainJob, progress: Progress) -> TrainSummary:
    return run_online(_loop_of(job)[0], job, progress)


METHOD = Method(
    name="online-dpo",
    help="DPO on rollouts of the policy as it is: the best and the worst of each prompt.",
    options=OnlineDPOOptions,
    run=_run,
    check=_check,
    fits=fits_online,
    loop_of=_loop_of,
    takes=("prompts",),
    reward_of=lambda options: options.reward,
    uses_pairs=False,
    examples=(
        "rlaif train online-dpo --prompts micro:train --reward judge=micro --policy micro --out models/online-dpo",
        "rlaif train online-dpo --prompts micro:train --reward judge=micro --policy micro --out models/o --n 4",
    ),
)
