"""How much better a rollout, or a token, was than expected. Free functions; no gradient flows through any of them.

A rollout without a reward (NaN) is neither good nor bad: it is in no mean and no deviation, its advantage is exactly 0
and its weight too. With m of G rewards read, whoever read them or not, each estimator has the scale that it has with
all G: where failures do not depend on the reward, so is its expected gradient, but for the division by a deviation.

Suffixes: N tokens in order of their rollouts, S rollouts, K components of a reward, P groups.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

EPSILON = 1e-4
"""Added to a deviation before something is divided by it (as TRL's)."""
Scale = Literal["none", "group", "batch"]


@dataclass(frozen=True, slots=True)
class Advantages:
    """What each rollout of an update is worth, and how much it counts."""

    advantage_S: Tensor
    """0 where no reward was read, and in a group that is skipped."""
    share_S: Tensor
    """Weight in the update's mean: 1 / (m * groups that count) where read, else 0. Sums to 1; all 0 if none counts."""
    spread_P: Tensor
    """Of each group, the standard deviation of its rewards (over m - 1); NaN where it is skipped."""
    figures: dict[str, float]
    """`rewards/failed`: share of rollouts without a reward; `groups/skipped`: groups with fewer than two rewards, a
    count; `frac_reward_zero_std`: share of the others without spread."""

    @property
    def flat_P(self) -> Tensor:
        """Groups that count, and teach nothing: all their rewards are the same."""
        return _no_spread(self.spread_P)


def leave_one_out(reward_KS: Tensor, weight_K: Tensor, group_S: Tensor) -> Advantages:
    """RLOO (2402.14740): a rollout's reward less the mean of its group's other rewards.

    reward_KS: NaN where there is none; one row is a reward of one component. weight_K: of each component in the sum.
    group_S: which group (0 .. P-1) a rollout is of. A component that failed is missing in that rollout's sum alone: the
    others are compared among themselves, so that where each is read twice in a group the expected gradient is that of
    the weighted sum of components that never fail. One that is read less than twice in a group says nothing there.
    """
    read = _Read(reward_KS, group_S)
    return read.advantages(_contrast(read, weight_K), _spread(read, weight_K))


def group_mean(reward_KS: Tensor, weight_K: Tensor, group_S: Tensor, *, scale: Scale) -> Advantages:
    """GRPO (2402.03300): a reward less its group's mean, by the deviation of its group or batch, or (Dr. GRPO) by none.

    A mean that holds the rollout itself makes advantages (m - 1) / m of `leave_one_out`'s: here (G - 1) / G, however
    many rewards were read, so that a step's size does not depend on failures. The deviation is over m - 1; its mean
    over draws still depends on m, as `deviation_bias` says. Arguments as of `leave_one_out`.
    """
    read = _Read(reward_KS, group_S)
    spread_P = _spread(read, weight_K)
    advantage_S = _contrast(read, weight_K) * read.whole_factor_S
    if scale == "group":
        advantage_S = advantage_S / (spread_P.nan_to_num(0.0)[group_S] + EPSILON)
    elif scale == "batch":
        summed_S = _centred(read, weight_K) + _level(read, weight_K)
        advantage_S = advantage_S / (_deviation(summed_S[read.counts_S]) + EPSILON)
    return read.advantages(advantage_S, spread_P)


def decoupled(reward_KS: Tensor, weight_K: Tensor, group_S: Tensor) -> Advantages:
    """GDPO (2601.05242): each component by its own mean and deviation in the group, summed, standardised in the batch.

    A component that is rarely met keeps its say, where the deviation of the sum would drown it. Arguments as of
    `leave_one_out`.
    """
    read = _Read(reward_KS, group_S)
    ones = torch.ones(1, dtype=torch.float64, device=reward_KS.device)
    advantage_S = torch.zeros_like(read.share_S)
    for row, weight in zip(read.reward_KS, weight_K.double(), strict=True):
        own = _Read(row[None], group_S)
        spread_S = _spread(own, ones).nan_to_num(0.0)[group_S]
        advantage_S += weight * _contrast(own, ones) * own.whole_factor_S / (spread_S + EPSILON)
    counted_S = advantage_S[read.counts_S]
    if len(counted_S):
        advantage_S = (advantage_S - counted_S.mean()) / (_deviation(counted_S) + EPSILON)
    return read.advantages(advantage_S, _spread(read, weight_K))


def deviation_bias(read: int, rollouts: int) -> float:
    """E[deviation of `read` normal rewards] / E[that of all `rollouts`]: below 1, so failures make updates larger.

    c4(m) / c4(G), c4(n) = sqrt(2 / (n - 1)) Gamma(n / 2) / Gamma((n - 1) / 2). Both at least 2. Where rewards have few
    values more groups of few have no spread, and that makes updates smaller: of an even chance of 0 or 1, G = 4 and
    half of the rewards missing .84 times.
    """
    return math.exp(_log_c4(read) - _log_c4(rollouts))


def gae(
    reward_N: Tensor, value_N: Tensor, branch_N: Tensor, branches: int, *, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (1506.02438): advantages, and returns, their sum with the values.

    A_t = sum_l (gamma lam)^l delta_{t+l}, delta_t = r_t + gamma V_{t+1} - V_t. A rollout ends with its last token,
    also where it was cut: what follows is worth 0. branch_N: which of `branches` rollouts a token is of, ascending.
    Tokens of a rollout without a reward are NaN: `whiten` leaves them out.
    """
    length_S = torch.bincount(branch_N, minlength=branches)
    start_S = length_S.cumsum(0) - length_S
    place_N = torch.arange(len(branch_N), device=branch_N.device) - start_S[branch_N]
    shape = (branches, int(length_S.max()) + 1)
    reward_ST, value_ST = (
        each.new_zeros(shape).index_put((branch_N, place_N), each) for each in (reward_N, value_N.detach())
    )
    advantage_ST = torch.zeros_like(reward_ST)
    for step in range(shape[1] - 2, -1, -1):
        delta_S = reward_ST[:, step] + gamma * value_ST[:, step + 1] - value_ST[:, step]
        advantage_ST[:, step] = delta_S + gamma * lam * advantage_ST[:, step + 1]
    advantage_N = advantage_ST[branch_N, place_N]
    return advantage_N, advantage_N + value_N.detach()


def whiten(values_N: Tensor, *, shift_mean: bool) -> Tensor:
    """To variance 1, and mean 0 or (`shift_mean` False) the mean there was. NaN are left out, and become exactly 0.

    The variance is over n, and 1e-8 is added to it, as in the code of 1909.08593.
    """
    there_N = ~values_N.isnan()
    kept_N = values_N[there_N]
    mean = kept_N.mean() if len(kept_N) else values_N.new_zeros(())
    variance = kept_N.var(unbiased=False) if len(kept_N) else values_N.new_zeros(())
    whitened_N = (values_N - mean) * torch.rsqrt(variance + 1e-8)
    if not shift_mean:
        whitened_N = whitened_N + mean
    return torch.where(there_N, whitened_N, torch.zeros_like(values_N))


class _Read:
    """Which rewards of which group were read."""

    def __init__(self, reward_KS: Tensor, group_S: Tensor) -> None:
        self.reward_KS = reward_KS.double()
        self.there_KS = ~reward_KS.isnan()
        self.group_S = group_S
        self.groups = int(group_S.max()) + 1 if len(group_S) else 0
        self.read_S = self.there_KS.any(0)
        self.size_P = self.total(torch.ones_like(self.read_S).double())
        self.read_P = self.total(self.read_S.double())
        self.counts_P = self.read_P >= 2
        self.counts_S = self.read_S & self.counts_P[group_S]
        """Read, and in a group that is not skipped."""
        counted = int(self.counts_P.sum())
        share_S = 1 / (self.read_P[group_S].clamp(min=1) * max(1, counted))
        self.share_S = torch.where(self.counts_S, share_S, torch.zeros_like(share_S))

    def total(self, values_S: Tensor) -> Tensor:
        """Sums of each group."""
        return values_S.new_zeros(self.groups).index_add(0, self.group_S, values_S)

    @property
    def whole_factor_S(self) -> Tensor:
        """(G - 1) / G of the group as it was drawn."""
        return ((self.size_P - 1) / self.size_P)[self.group_S]

    def advantages(self, advantage_S: Tensor, spread_P: Tensor) -> Advantages:
        """With all that does not count at exactly 0."""
        counted = int(self.counts_P.sum())
        figures = {
            "rewards/failed": float((~self.read_S).double().mean()) if len(self.read_S) else 0.0,
            "groups/skipped": float(self.groups - counted),
            "frac_reward_zero_std": float(_no_spread(spread_P).sum()) / max(1, counted),
        }
        kept_S = torch.where(self.counts_S, advantage_S, torch.zeros_like(advantage_S))
        return Advantages(kept_S, self.share_S, spread_P, figures)


def _contrast(read: _Read, weight_K: Tensor) -> Tensor:
    """Weighted sum of each component's leave-one-out advantages, scaled so that shares of 1 / m suit all of them."""
    summed_S = torch.zeros_like(read.share_S)
    for row, there_S, weight in zip(read.reward_KS, read.there_KS, weight_K.double(), strict=True):
        value_S = torch.where(there_S, row, torch.zeros_like(row))
        count_P = read.total(there_S.double())
        count_S = count_P[read.group_S]
        others_S = (read.total(value_S)[read.group_S] - value_S) / (count_S - 1).clamp(min=1)
        # a mean over m_k of m rollouts, in shares of 1 / m
        scaled_S = (value_S - others_S) * read.read_P[read.group_S] / count_S.clamp(min=1)
        summed_S += weight * torch.where(there_S & (count_S >= 2), scaled_S, torch.zeros_like(row))
    return summed_S


def _centred(read: _Read, weight_K: Tensor) -> Tensor:
    """Weighted sum of the components, each less its group's mean; a failed one is at that mean."""
    summed_S = torch.zeros_like(read.share_S)
    for mean_S, row, weight in zip(_means(read), read.reward_KS, weight_K.double(), strict=True):
        summed_S += weight * torch.where(row.isnan(), torch.zeros_like(row), row - mean_S)
    return summed_S


def _level(read: _Read, weight_K: Tensor) -> Tensor:
    """Weighted sum of the means of a rollout's group."""
    return sum(
        (weight * mean_S for mean_S, weight in zip(_means(read), weight_K.double(), strict=True)),
        start=torch.zeros_like(read.share_S),
    )


def _means(read: _Read) -> list[Tensor]:
    """Of each component, for each rollout, the mean of its group."""
    found = []
    for row, there_S in zip(read.reward_KS, read.there_KS, strict=True):
        total_P = read.total(torch.where(there_S, row, torch.zeros_like(row)))
        found.append((total_P / read.total(there_S.double()).clamp(min=1))[read.group_S])
    return found


def _spread(read: _Read, weight_K: Tensor) -> Tensor:
    """Of each group the deviation, over m - 1, of the sums of its rollouts that were read; NaN below two."""
    centred_S = torch.where(read.read_S, _centred(read, weight_K), torch.zeros_like(read.share_S))
    mean_P = read.total(centred_S) / read.read_P.clamp(min=1)
    apart_S = torch.where(read.read_S, centred_S - mean_P[read.group_S], torch.zeros_like(centred_S))
    variance_P = read.total(apart_S**2) / (read.read_P - 1).clamp(min=1)
    return torch.where(read.counts_P, variance_P.sqrt(), torch.full_like(variance_P, torch.nan))


def _deviation(values: Tensor) -> Tensor:
    """Over n - 1; 0 of fewer than two."""
    return values.std() if len(values) > 1 else values.new_zeros(())


def _no_spread(spread_P: Tensor) -> Tensor:
    return spread_P.isclose(torch.zeros_like(spread_P))


def _log_c4(count: int) -> float:
    return 0.5 * math.log(2 / (count - 1)) + math.lgamma(count / 2) - math.lgamma((count - 1) / 2)
