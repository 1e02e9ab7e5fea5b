"""RAFT: imitate the best rollout of each prompt, step by step (2304.06767)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.training import RAFTConfig
from rlaif.workflows.training.online_method import online_method
from rlaif.workflows.training.online_options import OnlineOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class RAFTOptions(OnlineOptions):
    """Options of raft."""


def _own(_: RAFTOptions) -> Mapping[str, Any]:
    return {}


METHOD = online_method(
    name="raft",
    help="Imitate the best rollout of each prompt, drawn anew in each step.",
    options=RAFTOptions,
    config=RAFTConfig,
    own=_own,
    examples=(
        "rlaif train raft --prompts micro:train --reward judge=micro --policy micro --out models/raft",
        "rlaif train raft --prompts micro:train --reward judge=micro --policy micro --out models/f --n 16",
    ),
)
