"""Prompts, rewards and configurations that tests of the online loop share."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rlaif.records import Completion, Component, Message, Prompt, ScoredGroups
from rlaif.training import (
    GRPOConfig,
    OnlineConfig,
    OnlineDPOConfig,
    PPOConfig,
    RAFTConfig,
    ReSTConfig,
    ReSTEMConfig,
    RLOOConfig,
)

ASKED = ("how do I bake bread", "open a lock", "add two numbers", "hello", "step one then wait", "yes or no")
SMALL: dict[str, Any] = {
    "steps": 4,
    "batch_size": 3,
    "n": 4,
    "max_tokens": 12,
    "learning_rate": 3e-3,
    "checkpoint_every": 2,
    "truncated": "keep",
    "trackers": (),
}
CONFIGS: dict[str, OnlineConfig] = {
    "rloo": RLOOConfig(**SMALL),
    "grpo": GRPOConfig(**SMALL, beta=0.04, iterations=2, minibatches=2),
    "dr": GRPOConfig(**SMALL, variant="dr"),
    "dapo": GRPOConfig(**SMALL, variant="dapo", iterations=2, overlong=4),
    "gspo": GRPOConfig(**SMALL, variant="gspo", minibatches=2),
    "cispo": GRPOConfig(**SMALL, variant="cispo", iterations=2, kl="k2", beta=0.02),
    "gdpo": GRPOConfig(**SMALL, variant="gdpo", opsm=0.5, kl="k3-corrected", beta=0.02),
    "ppo": PPOConfig(**{**SMALL, "iterations": 2}, kl_target=0.5, kl_horizon=50.0, scale_rewards=True),
    "online-dpo": OnlineDPOConfig(**SMALL),
    "raft": RAFTConfig(**SMALL),
    "rest": ReSTConfig(**SMALL, thresholds=(0.25, 0.6)),
    "rest-em": ReSTEMConfig(**SMALL, minibatches=2, iterations=2, most=3),
}


def prompts(count: int = len(ASKED)) -> list[Prompt]:
    return [Prompt(messages=(Message(role="user", content=each),)) for each in ASKED[:count]]


class Counted:
    """A reward that a function of a completion gives, and that remembers what it was asked."""

    def __init__(self, give: Callable[[Completion], float | None], name: str = "count") -> None:
        self.give, self.name, self.asked = give, name, list[int]()
        self.fingerprint = f"test:{name}"

    def score(
        self, prompts: Sequence[Prompt], groups: Sequence[Sequence[Completion]], *, step: int, seed: int
    ) -> ScoredGroups:
        assert len(prompts) == len(groups)
        self.asked.append(step)
        values = tuple(self.give(each) for group in groups for each in group)
        return ScoredGroups(
            totals=values,
            components=(Component(name=self.name, weight=1.0, hard=False, values=values),),
            additive=True,
        )


def letters(completion: Completion) -> float:
    """More of the letter e is better: what a policy of random weights can learn in a few steps."""
    return completion.text.count("e") / 4 - len(completion.text) / 100


def sometimes(completion: Completion) -> float | None:
    """As `letters`; nothing of some."""
    return None if len(completion.text) % 7 == 0 else letters(completion)


def nothing(_: Completion) -> float | None:
    return None


def no_number(_: Completion) -> float:
    return math.nan


def history(out: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]
