"""Whether rollouts without a reward differ from those that have one: in length, or in what is known of their reward.

Leaving failures out keeps a gradient unbiased only where failing says nothing of the reward. Both links are sums over
groups or steps of a statistic that is 0 on average where there is no link, with its exact variance: sums of steps are
sums of them, and what changes from prompt to prompt or from step to step is in neither.

Suffixes: S rollouts, P groups.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class FailureLink:
    """How strongly failing goes along with something, and how likely that is by chance."""

    above: float = 0.0
    """How far the statistic is above its mean without a link."""
    variance: float = 0.0
    """Of the statistic, without a link."""
    scale: float = 0.0
    """What the statistic is a share of."""

    def plus(self, other: FailureLink) -> FailureLink:
        """Both together."""
        return FailureLink(self.above + other.above, self.variance + other.variance, self.scale + other.scale)

    @property
    def effect(self) -> float | None:
        """`above` by `scale`; None of nothing."""
        return self.above / self.scale if self.scale else None

    @property
    def p(self) -> float | None:
        """Two-sided, by the normal distribution; None of nothing. Rough below some twenty failures."""
        if not self.variance:
            return None
        return math.erfc(abs(self.above) / math.sqrt(2 * self.variance))


def within_groups(failed_S: Tensor, value_S: Tensor, group_S: Tensor) -> FailureLink:
    """Do failed rollouts have larger values than their group's others? Wilcoxon's rank test, summed over groups.

    failed_S: bool. value_S: what is known of all rollouts: their length, or the sum of other components of the reward;
    NaN leaves a rollout out. `effect`: P(failed larger) - 1/2, ties halved, over pairs of a group: 0 without a link.
    """
    link = FailureLink()
    known_S = ~value_S.isnan() if value_S.is_floating_point() else torch.ones_like(failed_S)
    for group in range(int(group_S.max()) + 1 if len(group_S) else 0):
        here_S = known_S & (group_S == group)
        failed, read = value_S[here_S & failed_S], value_S[here_S & ~failed_S]
        pairs = len(failed) * len(read)
        if not pairs:
            continue
        larger = (failed[:, None] > read).sum() + 0.5 * (failed[:, None] == read).sum()
        count = len(failed) + len(read)
        _, ties = torch.cat([failed, read]).unique(return_counts=True)  # type: ignore[no-untyped-call]
        tied = float((ties**3 - ties).sum()) / (count * (count - 1))
        link = link.plus(FailureLink(float(larger) - pairs / 2, pairs / 12 * (count + 1 - tied), pairs))
    return link


def across_groups(failed_S: Tensor, reward_S: Tensor, group_S: Tensor) -> FailureLink:
    """Do groups with low rewards fail more? The rank correlation of a group's failures with the mean it was read at.

    A failed rollout's own reward is not known; its group's others are the nearest thing that is. reward_S: NaN where it
    failed. Groups without a reward are left out. `effect`: Spearman's correlation over the groups of a step.
    """
    groups = int(group_S.max()) + 1 if len(group_S) else 0
    read_S = ~reward_S.isnan()
    read_P = torch.zeros(groups, dtype=torch.float64).index_add(0, group_S, read_S.double())
    total_P = torch.zeros_like(read_P).index_add(0, group_S, reward_S.nan_to_num(nan=0.0).double())
    size_P = torch.bincount(group_S, minlength=groups)
    failed_P = torch.zeros_like(read_P).index_add(0, group_S, failed_S.double()) / size_P
    kept_P = read_P > 0
    share_P, mean_P = _centred_ranks(failed_P[kept_P]), _centred_ranks((total_P / read_P)[kept_P])
    scale = math.sqrt(float(share_P @ share_P) * float(mean_P @ mean_P))
    if not scale:
        return FailureLink()
    # of all orders that the one could have beside the other (Hoeffding, 1951)
    return FailureLink(float(share_P @ mean_P), scale**2 / (len(share_P) - 1), scale)


def _centred_ranks(values: Tensor) -> Tensor:
    """Ranks, those of equal values their mean, less the mean of all."""
    above = (values[:, None] > values).double().sum(1)
    below = (values[:, None] < values).double().sum(1)
    return (above - below) / 2
