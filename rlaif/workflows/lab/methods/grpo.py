"""GRPO against the proxy, with nothing that holds the policy back (2402.03300)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif.training import GRPOConfig
from rlaif.workflows.lab.bench import CellBench
from rlaif.workflows.lab.method import LabMethod
from rlaif.workflows.lab.methods import online


def _run(bench: CellBench) -> Mapping[str, Any]:
    return online.train(bench, GRPOConfig, n=bench.config.n)


METHOD = LabMethod(name="grpo", form="rl", run=_run, work=online.work, whole_grid=True, online=True)
