"""What one component of a reward is: a reading of each completion, its group being seen as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from rlaif.judging.labels import CallReading
from rlaif.judging.scales import Scale
from rlaif.records import Completion, Prompt, State


class PromptGroup(NamedTuple):
    """A prompt with completions that answer it, none of them cut off."""

    prompt: Prompt
    completions: Sequence[Completion]


class GroupPart(Protocol):
    """One component of a reward."""

    @property
    def name(self) -> str:
        """What figures and messages call it."""

    @property
    def fingerprint(self) -> str:
        """Equal means interchangeable."""

    @property
    def scale(self) -> Scale:
        """The lowest and the highest number that it gives, where there are such."""

    def readings(self, groups: Sequence[PromptGroup], *, step: int, seed: int) -> list[CallReading]:
        """One a completion, in the order of the groups; one without a number says why.

        The state `abstain` says that the part has nothing to say of a completion; any other state without a number is
        a failure. `step` and `seed` decide what is left out at random.
        """


UNASKED = CallReading(State.TRANSPORT, detail="nothing was returned for this completion")


def in_order(groups: Sequence[PromptGroup], found: Mapping[str, CallReading]) -> list[CallReading]:
    """The readings of completions by their ids, one a completion: equal completions have one."""
    return [found.get(each.id, UNASKED) for group in groups for each in group.completions]
