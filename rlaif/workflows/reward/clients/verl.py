"""A served judge as verl's custom reward function, for one row or for a batch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .failures import FailureRule, OnFailure
from .remote import RewardServer

PROMPT = ("prompt", "question")
"""Keys of `extra_info` under which the data hold the prompt, which verl does not give to a reward function."""


class VerlReward:
    """`compute_score`, for the reward managers `naive` and `dapo` (a row) and `batch` (all rows of a chunk).

    verl needs a number in each row. Row by row the mean of a group is that of the rows before; a row that fails before
    any of its group was read raises.
    """

    def __init__(
        self, address: str, *, on_failure: OnFailure = "raise", group_size: int = 8, **connection: Any
    ) -> None:
        """`group_size`: how many rows of a prompt come one after the other. `connection`: see `RewardServer`."""
        self._server = RewardServer(address, **connection)
        self._rule = FailureRule(on_failure, remembers=group_size)

    def __call__(
        self,
        *,
        solution_str: str | None = None,
        extra_info: Mapping[str, Any] | None = None,
        solution_strs: Sequence[str] | None = None,
        extra_infos: Sequence[Mapping[str, Any]] | None = None,
        **_: Any,
    ) -> float | list[float]:
        """The reward of a row, or the rewards of a batch. Sources and ground truths are not sent.

        Raises RewardServerError, NoRewardError, and ValueError where `extra_info` holds no prompt.
        """
        if solution_str is not None:
            return self._scores([solution_str], [extra_info or {}])[0]
        return self._scores(solution_strs or [], extra_infos or [])

    def _scores(self, said: Sequence[str], known: Sequence[Mapping[str, Any]]) -> list[float]:
        prompts = [_prompt(each) for each in known]
        body = {"solution_strs": list(said), "extra_infos": [{"prompt": each} for each in prompts]}
        found: list[float | None] = self._server.ask("verl", body)["scores"]
        return self._rule.numbers([json.dumps(each, sort_keys=True) for each in prompts], found)


def _prompt(known: Mapping[str, Any]) -> Any:
    """Text or turns; tables give lists as arrays."""
    found = next((known[key] for key in PROMPT if key in known), None)
    if found is None:
        raise ValueError(
            "extra_info holds no `prompt`: verl gives a reward function the answer alone; put the prompt into "
            "extra_info when you make the data"
        )
    return found if isinstance(found, str) else [dict(turn) for turn in found]
