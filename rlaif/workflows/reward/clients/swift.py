"""A served judge as a reward plugin (ORM) of ms-swift's GRPO."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .failures import FailureRule, OnFailure
from .remote import RewardServer

_TURN = ("role", "content", "name", "tool_calls", "tool_call_id", "reasoning_content")
"""Keys of a turn that are sent; others, such as marks for the loss, mean nothing to a judge."""


def served_orm(address: str, *, on_failure: OnFailure = "group-mean", **connection: Any) -> type:
    """A class for `orms[NAME]`, which ms-swift makes an object of. `connection`: see `RewardServer`.

    ms-swift sums what its functions give and counts None as 0, also where there is one function: a row without a reward
    gets its group's mean, or raises. Of a group of which nothing was read all rows are None, and 0 in all of them is no
    advantage of any.
    """
    server, rule = RewardServer(address, **connection), FailureRule(on_failure)

    class ServedJudge:
        """The judge's rewards of a batch."""

        def __init__(self, args: Any = None, **_: Any) -> None:
            self.args = args

        def __call__(
            self, completions: Sequence[str], messages: Sequence[Sequence[Mapping[str, Any]]], **_: Any
        ) -> list[float | None]:
            """One reward a row. Raises RewardServerError, NoRewardError."""
            rows = [_row(each, said) for each, said in zip(messages, completions, strict=True)]
            found: list[float | None] = server.ask("swift", {"messages": rows})["rewards"]
            return rule.means([json.dumps(each[:-1], sort_keys=True) for each in rows], found)

    return ServedJudge


def _row(turns: Sequence[Mapping[str, Any]], said: str) -> list[dict[str, Any]]:
    """The turns of a row, of which the last one is the answer."""
    asked = turns[:-1] if turns and turns[-1]["role"] == "assistant" else turns
    sent = [{name: each[name] for name in _TURN if name in each} for each in asked]
    return [*sent, {"role": "assistant", "content": said}]
