"""DPO on the first policy's draws, ordered by the proxy: offline, and over-optimised all the same (2406.02900)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif.records import Pair
from rlaif.workflows.lab.bench import CellBench, Work, as_turn
from rlaif.workflows.lab.config import LabConfig
from rlaif.workflows.lab.method import LabMethod

BETA = 0.05
"""Small, so that the policy goes far."""
ROWS = 4
"""Pairs a step for each prompt a step of the online methods."""


def _pairs(bench: CellBench) -> list[Pair]:
    pairs = []
    for prompt, group in bench.proposals():
        ordered = sorted(group, key=lambda each: each.proxy)
        if ordered[0].proxy < ordered[-1].proxy:
            chosen, rejected = as_turn(ordered[-1].text), as_turn(ordered[0].text)
            pairs.append(Pair(prompt=prompt.messages, chosen=chosen, rejected=rejected, label_prob=1.0))
    return pairs


def _run(bench: CellBench) -> Mapping[str, Any]:
    from rlaif.training import DPOConfig, train_dpo

    pairs = _pairs(bench)
    settings = DPOConfig(
        **bench.loop(min(ROWS * bench.config.batch_size, len(pairs))), loss="hard", beta=BETA
    )
    with bench.measuring() as probe:
        train_dpo(
            settings,
            pairs,
            policy=bench.world.policy_dir,
            reference="previous",
            out=bench.policy_out,
            progress=bench.progress,
            evaluator=probe,
        )
    return {"points": probe.points()}


def _work(config: LabConfig) -> Work:
    rows = config.steps * ROWS * config.batch_size * 2
    looked = (config.steps // config.every) * config.measured * config.draws
    return Work(drawn=looked, scored=3 * looked + config.batch_size * ROWS * 2 * config.n, learned=rows)


METHOD = LabMethod(name="dpo", form="rl", run=_run, work=_work)
