"""ReST: grow a set of rollouts, improve on those above rising thresholds (2308.08998)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.settings import setting
from rlaif.training import ReSTConfig
from rlaif.workflows.training.online_method import online_method
from rlaif.workflows.training.online_options import OnlineOptions
from rlaif.workflows.training.options import DATA


@dataclass(frozen=True, slots=True, kw_only=True)
class ReSTOptions(OnlineOptions):
    """Options of rest."""

    thresholds: tuple[float, ...] = setting(
        (0.5, 0.75, 0.9),
        help="Quantiles of a step's rewards: what is above one is imitated, then what is above the next.",
        wanted="rising quantiles, at least 0 and below 1",
        group=DATA,
    )


def _own(options: ReSTOptions) -> Mapping[str, Any]:
    return {"thresholds": options.thresholds}


METHOD = online_method(
    name="rest",
    help="Grow a set of rollouts, then imitate those above thresholds that rise.",
    options=ReSTOptions,
    config=ReSTConfig,
    own=_own,
    examples=(
        "rlaif train rest --prompts micro:train --reward judge=micro --policy micro --out models/rest",
        "rlaif train rest --prompts micro:train --reward judge=micro --policy micro --out models/r --thresholds 0,0.9",
    ),
)
