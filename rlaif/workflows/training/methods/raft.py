"""RAFT: imitate the best rollout of each prompt, step by step (2304.06767)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.training import Progress, RAFTConfig, TrainSummary
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.method import Method
from rlaif.workflows.training.online_options import (
    OnlineOptions,
    check_online,
    fits_online,
    online_config,
    online_loop,
    run_online,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RAFTOptions(OnlineOptions):
    """Options of raft."""


def _config(options: RAFTOptions, shared: Mapping[str, Any]) -> RAFTConfig:
    return online_config(RAFTConfig, options, shared, {})


def _check(options: RAFTOptions, where: str) -> None:
    check_online(options, where, _config)


def _loop_of(job: TrainJob) -> tuple[RAFTConfig, int]:
    return online_loop(job, RAFTConfig, _config)


def _run(job: TrainJob, progress: Progress) -> TrainSummary:
    return run_online(_loop_of(job)[0], job, progress)


METHOD = Method(
    name="raft",
    help="Imitate the best rollout of each prompt, drawn anew in each step.",
    options=RAFTOptions,
    run=_run,
    check=_check,
    fits=fits_online,
    loop_of=_loop_of,
    takes=("prompts",),
    reward_of=lambda options: options.reward,
    uses_pairs=False,
    examples=(
        "rlaif train raft --prompts micro:train --reward judge=micro --policy micro --out models/raft",
        "rlaif train raft --prompts micro:train --reward judge=micro --policy micro --out models/f --n 16",
    ),
)
