"""ReST-EM: the first policy imitates rollouts of the newest by their rewards (2312.06585)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.settings import setting
from rlaif.training import Progress, ReSTEMConfig, TrainSummary
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
from rlaif.workflows.training.options import DATA, LOOP


@dataclass(frozen=True, slots=True, kw_only=True)
class ReSTEMOptions(OnlineOptions):
    """Options of rest-em."""

    iterations: int = setting(8, help="Passes over a step's rollouts.", least=1, group=LOOP)
    most: int = setting(10, help="Rollouts of a prompt that are imitated at most.", least=1, group=DATA)


def _config(options: ReSTEMOptions, shared: Mapping[str, Any]) -> ReSTEMConfig:
    return online_config(ReSTEMConfig, options, shared, {"most": options.most})


def _check(options: ReSTEMOptions, where: str) -> None:
    check_online(options, where, _config)


def _loop_of(job: TrainJob) -> tuple[ReSTEMConfig, int]:
    return online_loop(job, ReSTEMConfig, _config)


def _run(job: TrainJob, progress: Progress) -> TrainSummary:
    return run_online(_loop_of(job)[0], job, progress)


METHOD = Method(
    name="rest-em",
    help="Expectation-maximisation: from the first policy each time, imitate rollouts of the newest by their rewards.",
    options=ReSTEMOptions,
    run=_run,
    check=_check,
    fits=fits_online,
    loop_of=_loop_of,
    takes=("prompts",),
    reward_of=lambda options: options.reward,
    uses_pairs=False,
    examples=(
        "rlaif train rest-em --prompts micro:train --reward judge=micro --policy micro --out models/rest-em",
        "rlaif train rest-em --prompts micro:train --reward judge=micro --policy micro --out models/e --n 16",
    ),
)
