"""Which rollouts are imitated, and how much: RAFT, ReST, ReST-EM. Weights of a likelihood; NaN rewards weigh 0.

Each is an exact step up where the policy can be any distribution: what is imitated is what was drawn, weighted by a
function of the reward that does not fall with it.

Suffixes: S rollouts, P groups.
"""

from __future__ import annotations

import torch
from torch import Tensor


def best_of_group(reward_S: Tensor, group_S: Tensor) -> Tensor:
    """RAFT (2304.06767): the best rollout of each group has weight 1; rollouts as good as it share that.

    A group without a reward has none.
    """
    read_S = ~reward_S.isnan()
    held_S = torch.where(read_S, reward_S, torch.full_like(reward_S, -torch.inf))
    groups = int(group_S.max()) + 1
    most_P = held_S.new_full((groups,), -torch.inf).scatter_reduce(0, group_S, held_S, "amax")
    best_S = (read_S & (held_S == most_P[group_S])).double()
    count_P = best_S.new_zeros(groups).index_add(0, group_S, best_S)
    return best_S / count_P[group_S].clamp(min=1)


def above(reward_S: Tensor, threshold: float) -> Tensor:
    """ReST's Improve step (2308.08998): weight 1 for each rollout whose reward is above the threshold.

    The next threshold is higher. Expected reward never falls if rollouts are all the policy's own; with older data
    among them, if the threshold is at least the policy's expected reward.
    """
    return (reward_S > threshold).double()


def by_reward(reward_S: Tensor, group_S: Tensor, *, most: int) -> Tensor:
    """ReST-EM's M-step (2312.06585): the reward itself, at least 0, as weight; at most `most` rollouts per group.

    The first of each group are kept: draws are exchangeable, so that is a fair choice. Rewards below 0 weigh 0.
    """
    weight_S = reward_S.nan_to_num(nan=0.0).clamp(min=0.0).double()
    kept = torch.zeros_like(weight_S)
    for group in range(int(group_S.max()) + 1):
        places = ((group_S == group) & (weight_S > 0)).nonzero()[:most, 0]
        kept[places] = weight_S[places]
    return kept
