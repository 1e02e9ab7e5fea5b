"""RLOO: REINFORCE on groups of rollouts, each compared with the mean of its siblings (2402.14740)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.settings import setting
from rlaif.training import Progress, RLOOConfig, TrainSummary
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.method import Method
from rlaif.workflows.training.online_options import (
    HeldOptions,
    check_online,
    fits_online,
    online_config,
    online_loop,
    run_online,
)
from rlaif.workflows.training.options import LOSS


@dataclass(frozen=True, slots=True, kw_only=True)
class RLOOOptions(HeldOptions):
    """Options of rloo."""

    beta: float | None = setting(
        None, help="Weight of the KL to the reference in the reward [default: 0.05].", least=0, group=LOSS
    )
    epsilon: float = setting(
        0.2, help="How far pi / pi_old of a rollout may move in a step.", above=0, group=LOSS
    )


def _config(options: RLOOOptions, shared: Mapping[str, Any]) -> RLOOConfig:
    beta = 0.0 if options.reference == "none" else options.beta
    return online_config(RLOOConfig, options, shared, {"beta": beta, "epsilon": options.epsilon})


def _check(options: RLOOOptions, where: str) -> None:
    check_online(options, where, _config)


def _loop_of(job: TrainJob) -> tuple[RLOOConfig, int]:
    return online_loop(job, RLOOConfig, _config)


def _run(job: TrainJob, progress: Progress) -> TrainSummary:
    return run_online(_loop_of(job)[0], job, progress)


METHOD = Method(
    name="rloo",
    help="Reinforcement learning on rollouts of the policy, each compared with its siblings (REINFORCE leave-one-out).",
    options=RLOOOptions,
    run=_run,
    check=_check,
    fits=fits_online,
    loop_of=_loop_of,
    takes=("prompts",),
    reward_of=lambda options: options.reward,
    uses_pairs=False,
    examples=(
        "rlaif train rloo --prompts micro:train --reward judge=micro --policy micro --out models/rloo",
        "rlaif train rloo --prompts micro:train --reward judge=micro,protocol=score --policy micro --out models/b",
    ),
)
