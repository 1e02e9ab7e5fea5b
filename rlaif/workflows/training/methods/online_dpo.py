"""Online DPO: the best and the worst rollout of each prompt are a pair (2402.04792)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.errors import RecipeError
from rlaif.settings import setting
from rlaif.training import OnlineDPOConfig
from rlaif.workflows.training.online_method import online_method
from rlaif.workflows.training.online_options import NO_REFERENCE, HeldOptions
from rlaif.workflows.training.options import LOSS, ROLLOUTS


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineDPOOptions(HeldOptions):
    """Options of online-dpo."""

    n: int = setting(2, help="Rollouts of a prompt.", least=1, group=ROLLOUTS)
    beta: float = setting(0.1, help="Strength of the pull to the reference.", above=0, group=LOSS)


def _own(options: OnlineDPOOptions) -> Mapping[str, Any]:
    if options.reference == NO_REFERENCE:
        raise RecipeError("online-dpo compares with a reference; say reference: previous, init or a model")
    return {"beta": options.beta}


METHOD = online_method(
    name="online-dpo",
    help="DPO on rollouts of the policy as it is: the best and the worst of each prompt.",
    options=OnlineDPOOptions,
    config=OnlineDPOConfig,
    own=_own,
    examples=(
        "rlaif train online-dpo --prompts micro:train --reward judge=micro --policy micro --out models/online-dpo",
        "rlaif train online-dpo --prompts micro:train --reward judge=micro --policy micro --out models/o --n 4",
    ),
)
