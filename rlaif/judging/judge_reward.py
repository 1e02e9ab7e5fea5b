"""A judge as a reward, and rewards put together: one number a completion, None where there is none.

`JudgeReward` makes a `Reward` of any judge and pointwise protocol; `WeightedReward` adds rewards up, some of them hard;
`EnsembleReward` puts several of one unit together, with less of it where they disagree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rlaif.errors import InputError
from rlaif.hashing import digest
from rlaif.judging.group_rewards.together import combined_alone
from rlaif.judging.pointwise import judge_pointwise
from rlaif.judging.protocol import Judge
from rlaif.judging.protocols import Asking, pointwise, pointwise_of, refusal
from rlaif.judging.rules import breaks, number_of
from rlaif.records import Completion, Constitution, Judgment, Prompt, Reward, State

Together = Literal["mean", "min", "mean-variance"]


class JudgeReward:
    """The number that a judge gives each completion by a pointwise protocol.

    Of judgments by principle it is the weighted mean of their shares of the scale, minus one for each hard principle
    that is violated: whoever violates one is below all who violate fewer. Of a reward model it is the reward itself.
    """

    def __init__(
        self,
        judge: Judge,
        constitution: Constitution,
        *,
        protocol: str | None = None,
        how: Asking | None = None,
    ) -> None:
        """`protocol` None: the checklist, or the reward of a judge that has its own.

        Raises InputError for a protocol that is not pointwise, cannot ask this judge, or whose numbers mean something
        among the completions of one prompt only (a tournament).
        """
        chosen = pointwise(protocol) if protocol is not None else pointwise_of(judge)
        if chosen.judges and not isinstance(judge, chosen.judges):
            raise InputError(f"{judge.name}: {refusal(chosen.name, chosen.judges)}")
        if not chosen.decides:
            raise InputError(
                f"protocol {chosen.name!r} orders the completions of one prompt; a number of one completion by itself "
                "is what a reward needs: choose checklist or score"
            )
        self.judge, self.constitution, self.protocol = judge, constitution, chosen.name
        self.how = how or Asking()
        self.name = judge.name
        self.fingerprint = digest("judge reward", judge.fingerprint, constitution.digest, chosen.name)

    def rewards(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float | None]:
        """One a completion, all asked as one batch; equal completions are asked about once.

        None where a principle that applies could not be read (a mean over fewer principles is on another level), the
        judge abstains from all of them, or the completion was cut off.
        """
        items = list(zip(prompts, completions, strict=True))
        said: dict[str, list[Judgment]] = {}
        for each in judge_pointwise(self.judge, self.constitution, items, self.protocol, self.how):
            said.setdefault(each.completion_ids[0], []).append(each)
        return [
            None if each.finish == "length" else self._reward(said.get(each.id, [])) for each in completions
        ]

    def _reward(self, judgments: Sequence[Judgment]) -> float | None:
        heard = [each for each in judgments if each.state is not State.ABSTAIN]
        weights = {each.id: each.weight for each in self.constitution.principles}
        hard = {each.id for each in self.constitution.principles if each.hard}
        numbers = [number_of(each) for each in heard]
        if not heard or any(number is None for number in numbers):
            return None
        wholes = [number for each, number in zip(heard, numbers, strict=True) if each.principle_id is None]
        votes = [(1.0, number or 0.0) for number in wholes] or [
            (weights.get(each.principle_id or "", 1.0), number or 0.0)
            for each, number in zip(heard, numbers, strict=True)
        ]
        total = math.fsum(weight for weight, _ in votes)
        if total <= 0:
            return None
        violated = sum(breaks(each) is True for each in heard if each.principle_id in hard)
        return math.fsum(weight * number for weight, number in votes) / total - violated


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardPart:
    """One addend of a weighted sum, or a condition on it."""

    reward: Reward
    weight: float = 1.0
    hard: bool = False
    """Whether it is a condition: below `at_least` the sum does not count, and the reward is the floor."""
    at_least: float = 0.5
    """Of a hard part: the number from which on its condition is met."""


class WeightedReward:
    """The sum of weight x reward; a completion that fails a hard part has the floor, whatever the others say."""

    def __init__(self, parts: Sequence[RewardPart], *, floor: float | None = None) -> None:
        """Raises InputError without a part that is not hard, or with a hard part and no `floor`."""
        if all(each.hard for each in parts):
            raise InputError("a weighted reward needs at least one part that is not hard: there is no sum")
        if floor is None and any(each.hard for each in parts):
            raise InputError(
                "a hard part needs a floor: the reward of a completion that fails it, below all that pass (floor=-1.0)"
            )
        self.parts, self.floor = tuple(parts), floor

    def rewards(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float | None]:
        """Return one reward per completion; None where a part has none, unless a failed hard part decides."""
        columns = [each.reward.rewards(prompts, completions) for each in self.parts]
        return [self._sum([column[place] for column in columns]) for place in range(len(completions))]

    def _sum(self, numbers: Sequence[float | None]) -> float | None:
        known = list(zip(self.parts, numbers, strict=True))
        if any(each.hard and number is not None and number < each.at_least for each, number in known):
            return self.floor
        if any(number is None for number in numbers):
            return None
        return math.fsum(each.weight * (number or 0.0) for each, number in known if not each.hard)


class EnsembleReward:
    """Several rewards of one unit as one: their mean, their least, or the mean minus `penalty` x variance.

    The last two trust a number less where the members disagree, which keeps a policy from what only one of them
    likes (2310.02743: worst-case and uncertainty-weighted optimisation).
    """

    def __init__(
        self, members: Sequence[Reward], *, together: Together = "min", penalty: float = 0.5
    ) -> None:
        """Raises InputError for fewer than two members."""
        if len(members) < 2:
            raise InputError("an ensemble needs at least two rewards")
        self.members, self.together, self.penalty = tuple(members), together, penalty

    def rewards(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float | None]:
        """One a completion; None where a member has none: the level of fewer members is another one."""
        columns = [each.rewards(prompts, completions) for each in self.members]
        return [
            combined_alone([column[place] for column in columns], self.together, self.penalty)
            for place in range(len(completions))
        ]
