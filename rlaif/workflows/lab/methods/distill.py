"""Distillation of best-of-n: the policy imitates the answers that the proxy finds best of n."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif.records import Example
from rlaif.workflows.lab.bench import CellBench, as_turn
from rlaif.workflows.lab.method import LabMethod
from rlaif.workflows.lab.methods import dpo


def _run(bench: CellBench) -> Mapping[str, Any]:
    from rlaif.training import SFTConfig, train_sft

    examples = [
        Example(messages=(*prompt.messages, *as_turn(max(group, key=lambda each: each.proxy).text)))
        for prompt, group in bench.proposals()
    ]
    settings = SFTConfig(**bench.loop(min(dpo.ROWS * bench.config.batch_size, len(examples))))
    with bench.measuring() as probe:
        train_sft(
            settings,
            examples,
            policy=bench.world.policy_dir,
            out=bench.policy_out,
            progress=bench.progress,
            evaluator=probe,
        )
    return {"points": probe.points()}


METHOD = LabMethod(name="distillation", form="rl", run=_run, work=dpo.METHOD.work)
