"""A served judge as a reward function of TRL's trainers, and several functions as one."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

from .failures import FailureRule, OnFailure
from .remote import RewardServer

RewardFunc = Callable[..., Sequence[float | None]]


class TrlReward:
    """A reward function for `reward_funcs` of TRL's GRPOTrainer and RLOOTrainer.

    By itself it gives None for a row without a reward: TRL then makes its advantage 0. Beside other functions TRL would
    count it as 0 in the sum: choose `on_failure="group-mean"`, or join the functions by `together`.
    """

    def __init__(
        self, address: str, *, on_failure: OnFailure | Literal["none"] = "none", **connection: Any
    ) -> None:
        """`connection`: `token_env`, `timeout_s` and `tries` of `RewardServer`."""
        self.__name__ = "served_judge"
        self._server = RewardServer(address, **connection)
        self._rule = None if on_failure == "none" else FailureRule(on_failure)

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any], **_: Any) -> list[float | None]:
        """One reward a row. Further columns are not sent. Raises RewardServerError.

        Of a group of which nothing was read all rows are None: what is equal in all of them is no advantage of any.
        """
        body = {"prompts": list(prompts), "completions": list(completions)}
        found: list[float | None] = self._server.ask("trl", body)["rewards"]
        if self._rule is None:
            return found
        return self._rule.means([json.dumps(each, sort_keys=True) for each in prompts], found)


def together(*functions: RewardFunc, weights: Sequence[float] | None = None) -> RewardFunc:
    """Several reward functions as one: their weighted sum, None where one of them has none.

    TRL alone would sum what is there, and so count a failure as 0. As one function such a row has advantage 0.
    """
    if any(inspect.iscoroutinefunction(each) for each in functions):
        raise ValueError("together: a function is asynchronous; give functions that return their rewards")
    factors = list(weights) if weights is not None else [1.0] * len(functions)
    if len(factors) != len(functions):
        raise ValueError(f"together: {len(factors)} weights for {len(functions)} functions")

    def summed(prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float | None]:
        found = [each(prompts=prompts, completions=completions, **columns) for each in functions]
        return [_sum(row, factors) for row in zip(*found, strict=True)]

    return summed


def _sum(row: Sequence[float | None], factors: Sequence[float]) -> float | None:
    known = [factor * each for factor, each in zip(factors, row, strict=True) if each is not None]
    return sum(known) if len(known) == len(row) else None
