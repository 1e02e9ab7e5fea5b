"""Several components of a reward as one, with weights, conditions and normalisation: itself a component of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rlaif.errors import InputError
from rlaif.hashing import digest
from rlaif.judging.group_rewards.part import GroupPart, PromptGroup
from rlaif.judging.group_rewards.together import (
    Normalise,
    Together,
    conditioned,
    normalised,
    scale_of_totals,
    totals,
    usual_floor,
)
from rlaif.judging.labels import CallReading
from rlaif.judging.scales import REWARD, Scale
from rlaif.records import State

Columns = Sequence[Sequence[CallReading]]
"""The readings of each part, one a completion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeighedPart:
    """A component and what it counts."""

    part: GroupPart
    weight: float = 1.0
    at_least: float | None = None
    """From which number on its condition is met; None: it is no condition, and adds to the total."""
    normalise: Normalise = "none"
    rare: bool = False
    """Whether few completions have another number than the rest at first, so that a few that are equal say nothing."""

    @property
    def hard(self) -> bool:
        """Whether it is a condition."""
        return self.at_least is not None

    @property
    def scale(self) -> Scale:
        """The scale of what it adds."""
        return self.part.scale if self.normalise == "none" else REWARD

    def met(self, reading: CallReading) -> bool | None:
        """Whether a completion meets the condition; None where that could not be read.

        A judge that has nothing to say of a completion, as a program that finds nothing to check, finds no fault.
        """
        assert self.at_least is not None
        if reading.value is None:
            return True if reading.state is State.ABSTAIN else None
        return reading.value >= self.at_least


class Combined:
    """What `together` makes of the parts that are no conditions; whoever breaks a condition has the floor."""

    def __init__(
        self,
        parts: Sequence[WeighedPart],
        *,
        name: str = "reward",
        together: Together = "sum",
        penalty: float = 0.5,
        floor: float | None = None,
    ) -> None:
        """`floor` None: as far below the least total as the greatest is above it.

        Raises InputError for conditions without a floor where totals have no least, for numbers below 0 in a product,
        and where all parts are conditions.
        """
        self.name, self.parts = name, tuple(parts)
        self.added = [each for each in parts if not each.hard]
        self.together, self.penalty = together, penalty
        if not self.added:
            raise InputError(
                "all parts are hard: nothing is left to tell good from better; let one be not hard"
            )
        if together == "product":
            for each in self.added:
                lowest = each.scale.lowest
                if lowest is None or lowest < 0:
                    raise InputError(
                        f"{each.part.name}: its numbers may be below 0, and two of them would make a good one in a "
                        "product; multiply judges by principles, or take together: sum"
                    )
        self.floor = floor if floor is not None else usual_floor(self._unconditioned)
        if self.floor is None and any(each.hard for each in parts):
            raise InputError(
                "a hard part beside rewards without a least number needs a floor, the reward of whoever fails it; "
                "write `reward: {parts: [...], floor: -10}`"
            )
        self.fingerprint = digest(
            "combined reward",
            [[each.part.fingerprint, each.weight, each.at_least, each.normalise] for each in parts],
            [together, penalty, self.floor],
        )

    @property
    def _unconditioned(self) -> Scale:
        weights = [each.weight for each in self.added]
        return scale_of_totals([each.scale for each in self.added], weights, self.together, self.penalty)

    @property
    def scale(self) -> Scale:
        """That of its totals."""
        return self._unconditioned

    def columns(self, groups: Sequence[PromptGroup], *, step: int, seed: int) -> Columns:
        """What each part says of each completion."""
        return [each.part.readings(groups, step=step, seed=seed) for each in self.parts]

    def totals(self, columns: Columns, sizes: Sequence[int]) -> list[float | None]:
        """One number a completion, of groups of these sizes; None where there is none.

        There is none where no part could be read, or a condition could not and none is broken; and of a product, a
        least, a greatest or a mean less the variance where one part could not be read. A part of a sum or a mean that
        could not be read has there the level of its siblings: see `together`.
        """
        own = list(zip(self.parts, columns, strict=True))
        numbers = [
            normalised([each.value for each in column], sizes, part.normalise)
            for part, column in own
            if not part.hard
        ]
        weights = [each.weight for each in self.added]
        found = totals(numbers, weights, sizes, self.together, self.penalty)
        met = [[part.met(each) for each in column] for part, column in own if part.hard]
        return conditioned(found, met, self.floor) if met else found

    def additive(self, columns: Columns) -> bool:
        """Whether each total is the weighted sum of the numbers as they were given, no condition having a say."""
        if self.together != "sum" or any(each.normalise != "none" for each in self.added):
            return False
        own = zip(self.parts, columns, strict=True)
        return all(part.met(each) is True for part, column in own if part.hard for each in column)

    def readings(self, groups: Sequence[PromptGroup], *, step: int, seed: int) -> list[CallReading]:
        """Its totals as a component of another reward; one without a number has the first failure of its parts."""
        columns = self.columns(groups, step=step, seed=seed)
        found = self.totals(columns, [len(each.completions) for each in groups])
        return [
            CallReading(State.SCORE, number)
            if number is not None
            else _failure([each[place] for each in columns])
            for place, number in enumerate(found)
        ]


def _failure(readings: Sequence[CallReading]) -> CallReading:
    lost = [each for each in readings if each.value is None]
    failed = next((each for each in lost if each.state is not State.ABSTAIN), None)
    return failed or next(iter(lost), CallReading(State.UNREADABLE, detail="a factor is below 0"))
