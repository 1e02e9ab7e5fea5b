"""PPO against the proxy, its value model the policy with a new head (1707.06347)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif.training import PPOConfig
from rlaif.workflows.lab.bench import CellBench
from rlaif.workflows.lab.method import LabMethod
from rlaif.workflows.lab.methods import online


def _run(bench: CellBench) -> Mapping[str, Any]:
    # as many rollouts a step as of grpo, one group of them a prompt
    return online.train(bench, PPOConfig, n=bench.config.n, iterations=1, beta=0.0)


METHOD = LabMethod(name="ppo", form="rl", run=_run, work=online.work, online=True)
