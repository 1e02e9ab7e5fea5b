"""RLOO: REINFORCE on groups of rollouts, each compared with the mean of its siblings (2402.14740)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.settings import setting
from rlaif.training import RLOOConfig
from rlaif.workflows.training.online_method import online_method
from rlaif.workflows.training.online_options import NO_REFERENCE, GradientOptions
from rlaif.workflows.training.options import LOSS


@dataclass(frozen=True, slots=True, kw_only=True)
class RLOOOptions(GradientOptions):
    """Options of rloo."""

    beta: float | None = setting(
        None, help="Weight of the KL to the reference in the reward [default: 0.05].", least=0, group=LOSS
    )
    epsilon: float = setting(
        0.2, help="How far pi / pi_old of a rollout may move in a step.", above=0, group=LOSS
    )


def _own(options: RLOOOptions) -> Mapping[str, Any]:
    beta = 0.0 if options.reference == NO_REFERENCE else options.beta
    return {"beta": beta, "epsilon": options.epsilon}


METHOD = online_method(
    name="rloo",
    help="Reinforcement learning on rollouts of the policy, each compared with its siblings (REINFORCE leave-one-out).",
    options=RLOOOptions,
    config=RLOOConfig,
    own=_own,
    examples=(
        "rlaif train rloo --prompts micro:train --reward judge=micro --policy micro --out models/rloo",
        "rlaif train rloo --prompts micro:train --reward judge=micro,protocol=score --policy micro --out models/b",
    ),
)
