"""What a trainer gets for a row without a reward, where it would count null as 0, or NaN would spoil its batch."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from typing import Any, Literal, get_args

from .remote import RewardServerError

OnFailure = Literal["group-mean", "raise"]
_PROMPTS = 4096
"""Prompts whose rewards are remembered for trainers that ask row by row."""


class NoRewardError(RewardServerError):
    """A row has no reward, and there is none to take in its place."""


class FailureRule:
    """Numbers in the place of missing rewards: the mean of the row's group, whose advantage is then 0, or an error.

    A group is all rows of one prompt. Where a trainer asks row by row, the rows of a prompt that came before are
    remembered.
    """

    def __init__(self, on_failure: OnFailure, *, remembers: int = 0) -> None:
        """`remembers`: how many of a prompt's last rewards stand for a group of which nothing was read with the row."""
        if on_failure not in get_args(OnFailure):
            raise ValueError(
                f"on_failure is {on_failure!r}; it must be one of {', '.join(get_args(OnFailure))}"
            )
        self.on_failure, self.remembers = on_failure, remembers
        self._seen: OrderedDict[Hashable, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """What is sent to another process, as trainers do with their functions: all but the lock."""
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.Lock()

    def means(self, groups: Sequence[Hashable], rewards: Sequence[float | None]) -> list[float | None]:
        """The rewards, and the group's mean for a row without one; None where nothing of its group was read.

        Args:
            groups: the group of each row.
            rewards: one a row.

        Raises:
            NoRewardError: a row has no reward, and is to raise.
        """
        known = self._known(groups, rewards)
        missing = sum(each is None for each in rewards)
        if missing and self.on_failure == "raise":
            raise NoRewardError(f"{missing} of {len(rewards)} rows have no reward (on_failure: raise)")
        return [
            _mean(known[group]) if each is None else each for group, each in zip(groups, rewards, strict=True)
        ]

    def numbers(self, groups: Sequence[Hashable], rewards: Sequence[float | None]) -> list[float]:
        """The same for trainers that need a number in each row.

        Raises NoRewardError, also where nothing of a group was read.
        """
        found = [each for each in self.means(groups, rewards) if each is not None]
        if len(found) < len(rewards):
            raise NoRewardError(
                "a row has no reward, and none of its group was read: there is no group mean to send"
            )
        return found

    def _known(
        self, groups: Sequence[Hashable], rewards: Sequence[float | None]
    ) -> dict[Hashable, list[float]]:
        """What was read of each group: the rewards of these rows; where there is none, those that are remembered."""
        found: dict[Hashable, list[float]] = {group: [] for group in groups}
        for group, each in zip(groups, rewards, strict=True):
            if each is not None:
                found[group].append(each)
        if not self.remembers:
            return found
        with self._lock:
            for group, own in found.items():
                held = self._seen.setdefault(group, deque(maxlen=self.remembers))
                self._seen.move_to_end(group)
                held.extend(own)
                found[group] = own or list(held)
            while len(self._seen) > _PROMPTS:
                self._seen.popitem(last=False)
        return found


def _mean(numbers: Sequence[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None
