"""ReST-EM: the first policy imitates rollouts of the newest by their rewards (2312.06585)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.settings import setting
from rlaif.training import ReSTEMConfig
from rlaif.workflows.training.online_method import online_method
from rlaif.workflows.training.online_options import OnlineOptions
from rlaif.workflows.training.options import DATA, LOOP


@dataclass(frozen=True, slots=True, kw_only=True)
class ReSTEMOptions(OnlineOptions):
    """Options of rest-em."""

    iterations: int = setting(8, help="Passes over a step's rollouts.", least=1, group=LOOP)
    most: int = setting(10, help="Rollouts of a prompt that are imitated at most.", least=1, group=DATA)


def _own(options: ReSTEMOptions) -> Mapping[str, Any]:
    return {"most": options.most}


METHOD = online_method(
    name="rest-em",
    help="Expectation-maximisation: from the first policy each time, imitate rollouts of the newest by their rewards.",
    options=ReSTEMOptions,
    config=ReSTEMConfig,
    own=_own,
    examples=(
        "rlaif train rest-em --prompts micro:train --reward judge=micro --policy micro --out models/rest-em",
        "rlaif train rest-em --prompts micro:train --reward judge=micro --policy micro --out models/e --n 16",
    ),
)
