"""Imitation of good rollouts: RAFT, ReST, ReST-EM. Each is a likelihood with weights that rewards give.

Suffixes: S rollouts of the step.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rlaif.training.configs.online import RAFTConfig, ReSTConfig, ReSTEMConfig
from rlaif.training.head import TokenLogprobs
from rlaif.training.loop import StepPart
from rlaif.training.online import policy_losses, selection
from rlaif.training.online.objective import (
    Experience,
    LearnedGroup,
    OnlineObjective,
    OnlineParts,
    places_of,
    rows_where,
)
from rlaif.training.online.rewarded import RewardedRollouts
from rlaif.training.packing import Batch


@dataclass(slots=True)
class ImitatedRollouts(Experience):
    """What is imitated in a step."""

    weight_S: Tensor = field(default_factory=lambda: torch.zeros(0))


class WeighedImitation(OnlineObjective[ImitatedRollouts]):
    """Mean negative log-likelihood of the tokens of chosen rollouts, by their weights."""

    @abstractmethod
    def chosen(self, found: RewardedRollouts) -> Tensor:
        """The weight of each rollout; 0 is not imitated."""

    def prepared(self, step: int, found: RewardedRollouts) -> ImitatedRollouts:
        """The rollouts of some weight."""
        weight_S = self.chosen(found)
        kept = float((weight_S > 0).double().mean())
        return ImitatedRollouts(
            step=step,
            found=found,
            rows=rows_where(found, weight_S > 0),
            weight_S=weight_S,
            figures={"imitated": kept},
        )

    def learned(
        self,
        held: ImitatedRollouts,
        update: int,
        mine: Sequence[LearnedGroup],
        rows: Sequence[LearnedGroup],
        batch: Batch,
        out: TokenLogprobs,
    ) -> StepPart:
        """A pass's share of the weighted mean over the update's tokens."""
        sizes = torch.tensor([len(branch) for row in rows for branch in row.tree.branches])
        weight_S = held.weight_S[places_of(rows)]
        total = float(weight_S @ sizes.double())
        weight_B = (held.weight_S[places_of(mine)] / total).to(out.logp_N)
        loss = policy_losses.weighted(-out.logp_N, weight_B, batch.branch_N)
        count = int(sizes.sum())
        figures = {"mean_token_accuracy": out.top_N.sum() / count}
        if out.entropy_N is not None:
            figures["entropy"] = out.entropy_N.sum() / count
        return StepPart(loss, figures)


class RAFT(WeighedImitation):
    """The best rollout of each prompt."""

    def __init__(self, config: RAFTConfig, parts: OnlineParts) -> None:
        super().__init__(config, parts)

    def chosen(self, found: RewardedRollouts) -> Tensor:
        """1 for the best of each group, shared by equals."""
        return selection.best_of_group(found.reward_S, found.group_S)


class ReST(WeighedImitation):
    """One Grow step, then an Improve step a threshold, each on from the one before; the learning rate falls."""

    def __init__(self, config: ReSTConfig, parts: OnlineParts) -> None:
        super().__init__(config, parts)
        self._thresholds = config.thresholds

    def chosen(self, found: RewardedRollouts) -> Tensor:
        """Those of the lowest threshold."""
        return self._above(found, self._thresholds[0])

    def rows_of(self, held: ImitatedRollouts, update: int) -> list[LearnedGroup]:
        """Those of the update's threshold, or a part of them."""
        improve, within = divmod(update, self.config.iterations * self.config.minibatches)
        above_S = self._above(held.found, self._thresholds[improve])
        kept = ImitatedRollouts(step=held.step, found=held.found, rows=rows_where(held.found, above_S > 0))
        return super().rows_of(kept, within)

    def _above(self, found: RewardedRollouts, quantile: float) -> Tensor:
        """1 for rollouts above a quantile of the rewards; where none is, for the best."""
        reward_S = found.reward_S
        read = reward_S[~reward_S.isnan()]
        weight_S = selection.above(reward_S, float(read.quantile(quantile)))
        return weight_S if bool(weight_S.any()) else (reward_S == read.max()).double()


class ReSTEM(WeighedImitation):
    """The first policy imitates rollouts of the newest one, weighed by their rewards."""

    def __init__(self, config: ReSTEMConfig, parts: OnlineParts) -> None:
        super().__init__(config, parts)
        self._most = config.most

    def chosen(self, found: RewardedRollouts) -> Tensor:
        """The rewards, at least 0, of a few rollouts of each prompt."""
        return selection.by_reward(found.reward_S, found.group_S, most=self._most)
