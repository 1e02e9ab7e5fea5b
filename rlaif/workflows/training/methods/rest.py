"""ReST: grow a set of rollouts, improve on those above rising thresholds (2308.08998)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.settings import setting
from rlaif.training import Progress, ReSTConfig, TrainSummary
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
from rlaif.workflows.training.options import DATA


@dataclass(frozen=True, slots=True, kw_only=True)
class ReSTOptions(OnlineOptions):
    """Options of rest."""

    thresholds: tuple[float, ...] = setting(
        (0.5, 0.75, 0.9),
        help="Quantiles of a step's rewards: what is above one is imitated, then what is above the next.",
        wanted="rising quantiles, at least 0 and below 1",
        group=DATA,
    )


def _config(options: ReSTOptions, shared: Mapping[str, Any]) -> ReSTConfig:
    return online_config(ReSTConfig, options, shared, {"thresholds": options.thresholds})


def _check(options: ReSTOptions, where: str) -> None:
    check_online(options, where, _config)


def _loop_of(job: TrainJob) -> tuple[ReSTConfig, int]:
    return online_loop(job, ReSTConfig, _config)


def _run(job: TrainJob, progress: Progress) -> TrainSummary:
    return run_online(_loop_of(job)[0], job, progress)


METHOD = Method(
    name="rest",
    help="Grow a set of rollouts, then imitate those above thresholds that rise.",
    options=ReSTOptions,
    run=_run,
    check=_check,
    fits=fits_online,
    loop_of=_loop_of,
    takes=("prompts",),
    reward_of=lambda options: options.reward,
    uses_pairs=False,
    examples=(
        "rlaif train rest --prompts micro:train --reward judge=micro --policy micro --out models/rest",
        "rlaif train rest --prompts micro:train --reward judge=micro --policy micro --out models/r --thresholds 0,0.9",
    ),
)
