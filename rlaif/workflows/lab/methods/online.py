"""What the lab's methods that learn from rollouts share: one training, measured along the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from rlaif.training import OnlineConfig
from rlaif.workflows.lab.bench import CellBench, Work
from rlaif.workflows.lab.config import LabConfig

C = TypeVar("C", bound=OnlineConfig)


def train(bench: CellBench, kind: type[C], **own: Any) -> Mapping[str, Any]:
    """Train by a configuration of this kind; the measured points."""
    from rlaif.training import train_online

    config = bench.config
    settings = kind(**bench.loop(config.batch_size), max_tokens=config.max_tokens, **own)
    reward = bench.reward()
    bench.scale()  # of a reward that is constant nothing can be learned: refused before the first rollout
    with bench.measuring() as probe:
        train_online(
            settings,
            bench.world.trained_on(bench.cell.seed),
            reward,
            policy=bench.world.policy_dir,
            out=bench.policy_out,
            progress=bench.progress,
            evaluator=probe,
        )
    return {"points": probe.points()}


def work(config: LabConfig) -> Work:
    """Rollouts, their rewards and updates, and the measurements."""
    rollouts = config.steps * config.batch_size * config.n
    looked = (config.steps // config.every) * config.measured * config.draws
    return Work(drawn=rollouts + looked, scored=rollouts + 3 * looked, learned=rollouts)
