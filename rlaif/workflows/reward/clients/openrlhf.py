"""A served judge as the `reward_func` of the Python file that OpenRLHF takes as its remote reward URL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .failures import FailureRule, OnFailure
from .remote import RewardServer


class OpenRlhfReward:
    """`reward_func(queries, prompts, labels)`: a dictionary of `rewards`, `scores` and `extra_logs`.

    OpenRLHF needs a number in each row. It asks row by row, so that the mean of a group is that of the rows before;
    a row that fails before any of its group was read raises.
    """

    def __init__(
        self,
        address: str,
        *,
        tensor: Callable[[list[float]], Any],
        on_failure: OnFailure = "raise",
        group_size: int = 8,
        **connection: Any,
    ) -> None:
        """`tensor` makes one of a list: `torch.tensor`. `connection`: see `RewardServer`.

        `group_size`: how many rows of a prompt come one after the other.
        """
        self._server = RewardServer(address, **connection)
        self._rule = FailureRule(on_failure, remembers=group_size)
        self._tensor = tensor

    def __call__(
        self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any], **_: Any
    ) -> dict[str, Any]:
        """The rewards of these rows. The labels are not sent. Raises RewardServerError, NoRewardError."""
        body = {"query": list(queries), "prompts": list(prompts)}
        found: list[float | None] = self._server.ask("openrlhf", body)["rewards"]
        numbers = self._rule.numbers(prompts, found)
        failed = [float(each is None) for each in found]
        return {
            "rewards": self._tensor(numbers),
            "scores": self._tensor(numbers),
            "extra_logs": {"reward_failed": self._tensor(failed)},
        }
