"""A reward that is tried on the first rollouts of a training, before anything is learned from it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from rlaif.judging.group_rewards.parts_reward import PartsReward
from rlaif.judging.group_rewards.probe import probe
from rlaif.records import Completion, Prompt, ScoredGroups

TRIED = 4
"""Prompts whose rollouts the reward is tried on."""
_log = logging.getLogger(__name__)


class ProbedReward:
    """A `GroupReward`: one that always fails, or says the same of everything, is refused with the first step."""

    def __init__(self, reward: PartsReward) -> None:
        self._reward = reward
        self.fingerprint = reward.fingerprint

    def score(
        self, prompts: Sequence[Prompt], groups: Sequence[Sequence[Completion]], *, step: int, seed: int
    ) -> ScoredGroups:
        """The rewards of the completions of each prompt. Raises InputError for a reward that teaches nothing."""
        if step == 0:
            for doubt in probe(self._reward, prompts[:TRIED], groups[:TRIED], seed=seed):
                _log.warning("%s", doubt)
        return self._reward.score(prompts, groups, step=step, seed=seed)
