"""GRPO: rollouts compared with the mean and the deviation of their group, and its variants (2402.03300)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rlaif.errors import RecipeError
from rlaif.settings import setting
from rlaif.training import GRPOConfig
from rlaif.workflows.reward.parts import reward_parts
from rlaif.workflows.training.online_method import online_method
from rlaif.workflows.training.online_options import NO_REFERENCE, GradientOptions
from rlaif.workflows.training.options import LOSS


@dataclass(frozen=True, slots=True, kw_only=True)
class GRPOOptions(GradientOptions):
    """Options of grpo."""

    variant: Literal["grpo", "dr", "dapo", "gspo", "cispo", "gdpo"] = setting(
        "grpo",
        help="dr: no division by deviation and length; dapo: mean over tokens, a higher upper clip, groups without "
        "spread drawn anew; gspo: the ratio of a whole rollout; cispo: the ratio as a bounded "
        "weight; gdpo: each component of the reward by its own "
        "deviation.",
        group=LOSS,
    )
    beta: float = setting(
        0.0,
        help="Weight of the KL to the reference in the loss; 0: no reference is read.",
        least=0,
        group=LOSS,
    )
    epsilon: float = setting(
        0.2, help="How far pi / pi_old of a token may move in a step.", above=0, group=LOSS
    )
    epsilon_high: float | None = setting(
        None, help="Upwards [default: as epsilon; dapo: 0.08 more; cispo: 4].", above=0, group=LOSS
    )
    scale: Literal["group", "batch", "none"] | None = setting(
        None, help="What divides the advantages [default: group; dr: none].", group=LOSS
    )
    dynamic_sampling: bool | None = setting(
        None,
        help="Draw for other prompts where a group has no spread, three times at most [default: dapo only].",
        group=LOSS,
    )
    kl: Literal["k2", "k3", "k3-corrected"] = setting(
        "k3", help="The estimator of the KL in the loss; k3-corrected has the KL's own gradient.", group=LOSS
    )
    opsm: float | None = setting(
        None,
        help="Leave out worse rollouts that the policy has left by more than this mean log-ratio.",
        above=0,
        group=LOSS,
    )


OWN = ("variant", "epsilon", "epsilon_high", "scale", "dynamic_sampling", "kl", "opsm")


def _own(options: GRPOOptions) -> Mapping[str, Any]:
    beta = 0.0 if options.reference == NO_REFERENCE else options.beta
    return {**{name: getattr(options, name) for name in OWN}, "beta": beta}


def _check(options: GRPOOptions, where: str) -> None:
    if options.variant == "gdpo" and not reward_parts(options.reward, where).additive:
        raise RecipeError(
            f"{where}: variant gdpo takes each component of the reward by itself, and this one is no plain sum; write "
            "`weight` in the place of `hard`, or take another variant"
        )


METHOD = online_method(
    name="grpo",
    help="Reinforcement learning on groups of rollouts: GRPO, Dr. GRPO, DAPO, GSPO, GDPO.",
    options=GRPOOptions,
    config=GRPOConfig,
    own=_own,
    check=_check,
    examples=(
        "rlaif train grpo --prompts micro:train --reward judge=micro --policy micro --out models/grpo",
        "rlaif train grpo --prompts micro:train --reward judge=micro,protocol=score --policy micro --out models/d "
        "--variant dapo",
    ),
)
