"""PPO: clipped policy gradients with a value model (1707.06347, 2009.01325)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rlaif.settings import setting
from rlaif.training import PPOConfig
from rlaif.training.configs.online import OWN_VALUE
from rlaif.workflows.training.online_method import online_method
from rlaif.workflows.training.online_options import NO_REFERENCE, GradientOptions
from rlaif.workflows.training.options import LOOP, LOSS, ROLLOUTS, TRAINED


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOOptions(GradientOptions):
    """Options of ppo."""

    also_models: ClassVar[tuple[str, ...]] = ("value",)

    n: int = setting(1, help="Rollouts of a prompt.", least=1, group=ROLLOUTS)
    iterations: int = setting(4, help="Passes over a step's rollouts.", least=1, group=LOOP)
    value: str = setting(
        OWN_VALUE,
        help="What the value model begins as: the policy with a new head, or a reward model.",
        wanted="policy, or a reward model",
        group=TRAINED,
    )
    beta: float | None = setting(
        None, help="Weight of the KL to the reference in the rewards [default: 0.05].", least=0, group=LOSS
    )
    epsilon: float = setting(
        0.2, help="How far pi / pi_old of a token may move in a step.", above=0, group=LOSS
    )
    gamma: float = setting(1.0, help="What the worth of the next token counts.", above=0, most=1, group=LOSS)
    lam: float = setting(
        0.95,
        help="How far a reward reaches back past the value model; 1: all the way.",
        above=0,
        most=1,
        group=LOSS,
    )
    value_weight: float = setting(0.1, help="Of the value model's loss.", above=0, group=LOSS)
    value_clip: float = setting(
        0.2, help="How far a value may move in a step before its gradient ends.", above=0, group=LOSS
    )
    whiten: bool = setting(True, help="Standardise the advantages of a step.", group=LOSS)
    scale_rewards: bool = setting(
        False, help="Divide rewards by the deviation of all rewards so far.", group=LOSS
    )
    reward_clip: float | None = setting(
        None, help="Keep rewards within so much of 0 [default: they are not].", above=0, group=LOSS
    )
    kl_target: float | None = setting(
        None,
        help="Nats a rollout: beta rises above it and falls below [default: beta stays].",
        above=0,
        group=LOSS,
    )
    kl_horizon: float = setting(10_000.0, help="Rollouts over which beta follows.", above=0, group=LOSS)


OWN = (
    "value",
    "epsilon",
    "gamma",
    "lam",
    "value_weight",
    "value_clip",
    "whiten",
    "scale_rewards",
    "reward_clip",
    "kl_target",
    "kl_horizon",
)


def _own(options: PPOOptions) -> Mapping[str, Any]:
    beta = 0.0 if options.reference == NO_REFERENCE else options.beta
    return {**{name: getattr(options, name) for name in OWN}, "beta": beta}


METHOD = online_method(
    name="ppo",
    help="Reinforcement learning with a value model: PPO, from the policy's copy or a reward model.",
    options=PPOOptions,
    config=PPOConfig,
    own=_own,
    examples=(
        "rlaif train ppo --prompts micro:train --reward judge=micro --policy micro --out models/ppo",
        "rlaif train ppo --prompts micro:train --reward judge=micro --policy micro --out models/p --kl-target 6",
    ),
)
