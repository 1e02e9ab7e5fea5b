"""Policy-gradient losses: terms of tokens, and the weights that make one loss of them. Free functions.

A loss is `weighted(terms_N, weight_S, branch_N)`: the terms say how a token pulls, the weights how tokens and rollouts
share the update. The weights of one update's rollouts are made once, from `Advantages.share_S`, so the losses of passes
and processes add up. A rollout without a reward has weight 0.

The shares themselves are weights too: a mean over rollouts of their tokens' sum, REINFORCE's, whose gradient is that of
the expected reward.

Suffixes: N tokens in order of their rollouts, S rollouts.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rlaif.training.losses import sum_by

# --- how likely the tokens are now, by how likely they were ---


def token_ratio(logp_N: Tensor, old_N: Tensor) -> Tensor:
    """log (pi / pi_old) of each token: PPO, GRPO."""
    return logp_N - old_N.detach()


def sequence_ratio(logp_N: Tensor, old_N: Tensor, branch_N: Tensor, branches: int) -> Tensor:
    """For each token, its rollout's mean of log (pi / pi_old): GSPO (2507.18071)."""
    total_S = sum_by(logp_N - old_N.detach(), branch_N, branches)
    return (total_S / lengths(branch_N, branches).clamp(min=1))[branch_N]


def whole_ratio(logp_N: Tensor, old_N: Tensor, branch_N: Tensor, branches: int) -> Tensor:
    """For each token, log (pi / pi_old) of its whole rollout, an action by itself: RLOO (2402.14740).

    With the weights of `mean_of_means`, as the term is the same at each token of a rollout.
    """
    return sum_by(logp_N - old_N.detach(), branch_N, branches)[branch_N]


# --- terms ---


def clipped_terms(
    log_ratio_N: Tensor, advantage_N: Tensor, *, low: float, high: float, most: float | None = None
) -> Tensor:
    """-min(ratio A, clip(ratio, 1 - low, 1 + high) A): PPO (1707.06347); `high` above `low` is DAPO's (2503.14476).

    `most` bounds the ratio where the advantage is negative, which the minimum leaves free.
    """
    ratio_N = log_ratio_N.exp()
    clipped_N = ratio_N.clamp(1 - low, 1 + high)
    if most is not None:
        ratio_N = ratio_N.clamp(max=most)
    return -torch.minimum(ratio_N * advantage_N, clipped_N * advantage_N)


def cispo_terms(log_ratio_N: Tensor, advantage_N: Tensor, logp_N: Tensor, *, most: float) -> Tensor:
    """-sg[min(ratio, most)] A log pi: CISPO (2506.13585). No token loses its gradient; large ratios are bounded."""
    return -log_ratio_N.detach().exp().clamp(max=most) * advantage_N * logp_N


def clip_shares(
    log_ratio_N: Tensor, advantage_N: Tensor, weight_N: Tensor, *, low: float, high: float
) -> dict[str, Tensor]:
    """Share of tokens whose gradient the clip takes away, by its side; with weights that sum to 1 over the update.

    A token counts where the clipped branch is the smaller: below at a negative advantage, above at a positive one.
    """
    ratio_N = log_ratio_N.detach().exp()
    below = ((ratio_N < 1 - low) & (advantage_N < 0)).to(weight_N.dtype) @ weight_N
    above = ((ratio_N > 1 + high) & (advantage_N > 0)).to(weight_N.dtype) @ weight_N
    return {
        "clip_ratio/low_mean": below,
        "clip_ratio/high_mean": above,
        "clip_ratio/region_mean": below + above,
    }


# --- weights: how tokens and rollouts share an update ---


def lengths(branch_N: Tensor, branches: int) -> Tensor:
    """Tokens of each rollout."""
    return torch.bincount(branch_N, minlength=branches)


def mean_of_means(share_S: Tensor, length_S: Tensor) -> Tensor:
    """GRPO: mean over rollouts of their tokens' mean. A token of a long answer counts less: wrong ones are cheap."""
    return share_S / length_S.clamp(min=1)


def mean_of_tokens(share_S: Tensor, length_S: Tensor) -> Tensor:
    """DAPO, PPO: mean over all tokens of the rollouts that count. Long answers weigh more."""
    counted_S = (share_S > 0).to(share_S.dtype)
    return counted_S / (counted_S @ length_S.to(share_S.dtype)).clamp(min=1)


def sum_by_constant(share_S: Tensor, length: int) -> Tensor:
    """Dr. GRPO (2503.20783): mean over rollouts of their tokens' sum by one `length`, the longest there may be."""
    return share_S / length


def weighted(terms_N: Tensor, weight_S: Tensor, branch_N: Tensor) -> Tensor:
    """The loss: each term by its rollout's weight, all summed."""
    return terms_N @ weight_S.to(terms_N.dtype)[branch_N]


# --- where rollouts are not of the policy that is trained ---


def mismatch_weights(log_ratio: Tensor, *, most: float, least: float = 0.0) -> Tensor:
    """pi_old / pi_sampler of tokens or of whole rollouts, and 0 outside [least, most]: multiply their terms by it.

    log_ratio: log-probability by the trainer before the update, less that by the sampler: one model in two programs.
    NaN where the sampler said none: it is taken as agreed on. Of whole rollouts and without bounds the gradient is
    unbiased.
    """
    ratio = log_ratio.detach().nan_to_num(nan=0.0).exp()
    return torch.where((ratio < least) | (ratio > most), torch.zeros_like(ratio), ratio)


def truncated_weights(log_ratio: Tensor, *, most: float) -> Tensor:
    """min(pi_old / pi_sampler, most) of tokens or of whole rollouts: truncated importance sampling.

    Nothing is left out; what the policy likes much more than the sampler counts less than it should. NaN as above.
    """
    return log_ratio.detach().nan_to_num(nan=0.0).exp().clamp(max=most)


def off_policy_kept(
    advantage_S: Tensor, logp_N: Tensor, sampled_N: Tensor, branch_N: Tensor, *, most: float
) -> Tensor:
    """OPSM (DeepSeek-V3.2): 1, or 0 for rollouts with A < 0 whose mean of log (pi_sampler / pi) is above `most`.

    To push down what the policy has left pulls it nowhere good. Multiply each rollout's terms by it.
    """
    branches = len(advantage_S)
    drift_S = sum_by((sampled_N - logp_N).detach().nan_to_num(nan=0.0), branch_N, branches)
    drift_S = drift_S / lengths(branch_N, branches).clamp(min=1)
    return ((advantage_S >= 0) | (drift_S <= most)).to(logp_N.dtype)
