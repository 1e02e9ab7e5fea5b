"""A reward that is tried on the first rollouts of a training, before anything is learned from it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from rlaif.judging.group_rewards.parts_reward import PartsReward, is_answer
from rlaif.judging.group_rewards.probe import SURE, probe
from rlaif.records import Completion, Prompt, ScoredGroups

TRIED = 4
"""Prompts whose rollouts the reward is tried on; more where so few answers could not tell that it is constant."""
_log = logging.getLogger(__name__)


class ProbedReward:
    """A `GroupReward`: one that always fails, or says the same of everything, is refused with the first step."""

    def __init__(self, reward: PartsReward, where: str) -> None:
        self._reward, self._where = reward, where
        self.fingerprint = reward.fingerprint

    def reach(self) -> None:
        """Find out that everybody can be asked. Raises EngineError, RecipeError."""
        self._reward.reach()

    def score(
        self, prompts: Sequence[Prompt], groups: Sequence[Sequence[Completion]], *, step: int, seed: int
    ) -> ScoredGroups:
        """The rewards of the completions of each prompt. Raises InputError for a reward that teaches nothing."""
        if step == 0:
            count = tried(groups)
            for doubt in probe(self._reward, prompts[:count], groups[:count], seed=seed, where=self._where):
                _log.warning("%s: %s", self._where, doubt)
        return self._reward.score(prompts, groups, step=step, seed=seed)


def tried(groups: Sequence[Sequence[Completion]]) -> int:
    """How many groups are enough."""
    different: set[str] = set()
    for count, group in enumerate(groups, 1):
        different |= {each.id for each in group if is_answer(each)}
        if count >= TRIED and len(different) >= SURE:
            return count
    return len(groups)
