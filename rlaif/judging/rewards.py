"""Rewards with a name, of other packages and of Python: each is a judge too, of two the higher one is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from rlaif.hashing import digest
from rlaif.judging.function_judge import FunctionReward, failure, read_number
from rlaif.judging.labels import CallReading
from rlaif.judging.protocol import One
from rlaif.judging.scoring_judge import RewardReading, ScoringJudge
from rlaif.records import Completion, Prompt
from rlaif.registry import Registry


@runtime_checkable
class NamedReward(Protocol):
    """A `Reward` of `rlaif.records` with a name and a fingerprint: what the entry-point group `rlaif.rewards` holds."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def fingerprint(self) -> str:
        """Equal means interchangeable."""

    def rewards(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Sequence[float | None]:
        """One reward a completion; None where there is none."""


REWARDS: Registry[NamedReward] = Registry("reward", "rlaif.rewards", (NamedReward,))


class NamedRewardJudge(ScoringJudge):
    """Any reward with a name as judge. No call goes to the store: a resumed run asks it again."""

    def __init__(self, reward: NamedReward) -> None:
        self.name = reward.name
        self.fingerprint = digest("judge", "reward", reward.fingerprint)
        self._reward = reward

    def scored(self, items: Sequence[One]) -> Mapping[str, RewardReading]:
        """The reward of each completion; what a reward raises is the failure of its call."""
        found = zip(items, self._readings(items), strict=True)
        return {completion.id: RewardReading((), reading) for (_, completion), reading in found}

    def _readings(self, items: Sequence[One]) -> list[CallReading]:
        if isinstance(self._reward, FunctionReward):
            return self._reward.readings(items)
        prompts, completions = [prompt for prompt, _ in items], [each for _, each in items]
        try:
            numbers = list(self._reward.rewards(prompts, completions))
        except Exception as problem:  # noqa: BLE001 - whatever another's code raises is the failure of the batch
            return [failure(problem)] * len(items)
        return [read_number(each) for each in numbers]
