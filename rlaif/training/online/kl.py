"""How far the policy is from its reference, and what that costs it. Free functions.

Three estimators of KL(policy || reference) from the policy's own tokens (Schulman, 2020), with k = log pi - log pi_ref:
k1 = k, its mean exact; k2 = k^2 / 2; k3 = exp(-k) - 1 + k, its mean exact and never negative. As part of a *reward* k1
gives the gradient of the KL. As part of a *loss* the gradients differ: that of k1 is 0 on average, that of k2 is the
KL's, that of k3 is KL(reference || policy)'s, for tokens by themselves; k3 times the ratio pi / pi_old has the KL's.

Suffixes: N tokens in order of their rollouts, S rollouts, K components of a reward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rlaif.training.losses import kl_terms, sum_by

IN_LOSS = ("k2", "k3", "k3-corrected")
"""Estimators that have a gradient as part of a loss; k1 has none on average."""


def k1(logp_N: Tensor, reference_N: Tensor) -> Tensor:
    """log pi - log pi_ref."""
    return logp_N - reference_N


def k2(logp_N: Tensor, reference_N: Tensor) -> Tensor:
    """Half the square of `k1`."""
    return (logp_N - reference_N) ** 2 / 2


def k3(logp_N: Tensor, reference_N: Tensor) -> Tensor:
    """exp(-k) - 1 + k: GRPO's in-loss choice (2402.03300)."""
    return kl_terms(reference_N, logp_N)


def k3_corrected(logp_N: Tensor, reference_N: Tensor, log_ratio_N: Tensor) -> Tensor:
    """`k3` times pi / pi_old, through which the gradient flows too (DeepSeek-V3.2): unbiased also off the policy."""
    return k3(logp_N, reference_N) * log_ratio_N.exp()


def loss_terms(kind: str, logp_N: Tensor, reference_N: Tensor, log_ratio_N: Tensor) -> Tensor:
    """What the KL adds to the loss at each token, by an estimator of `IN_LOSS`; log_ratio_N: log pi / pi_old."""
    if kind == "k2":
        return k2(logp_N, reference_N)
    return k3(logp_N, reference_N) if kind == "k3" else k3_corrected(logp_N, reference_N, log_ratio_N)


def token_rewards(score_S: Tensor, kl_N: Tensor, branch_N: Tensor, *, beta: float) -> Tensor:
    """PPO's rewards: -beta k at each token, and the whole score at the rollout's last. NaN where there is no score.

    A rollout without a score has none for its tokens either: a penalty alone would say that silence is best.
    """
    last_N = torch.ones_like(branch_N, dtype=torch.bool)
    last_N[:-1] = branch_N[1:] != branch_N[:-1]
    score_N = score_S.to(kl_N.dtype)[branch_N]
    reward_N = torch.where(last_N, score_N, torch.zeros_like(score_N)) - beta * kl_N.detach()
    return torch.where(score_N.isnan(), score_N, reward_N)


def with_kl(
    reward_KS: Tensor, weight_K: Tensor, kl_N: Tensor, branch_N: Tensor, *, beta: float
) -> tuple[Tensor, Tensor]:
    """RLOO's reward: one component more, each rollout's sum of k, of weight -beta. Rewards and weights.

    It is missing where all others are.
    """
    kl_S = sum_by(kl_N.detach(), branch_N, reward_KS.shape[1]).to(reward_KS.dtype)
    kl_S = torch.where(reward_KS.isnan().all(0), torch.full_like(kl_S, torch.nan), kl_S)
    return torch.cat([reward_KS, kl_S[None]]), torch.cat([weight_K, weight_K.new_tensor([-beta])])


def adapted(beta: float, kl: float, *, target: float, episodes: int, horizon: float) -> float:
    """The next beta (Ziegler et al., 1909.08593): raised where the KL is above its target, lowered where below.

    kl: nats per rollout, mean over the `episodes` rollouts of this step.
    """
    error = min(0.2, max(-0.2, kl / target - 1))
    return beta * (1 + error * episodes / horizon)


def bounded(score_S: Tensor, *, most: float) -> Tensor:
    """Scores within [-most, most]; NaN stays NaN."""
    return score_S.clamp(-most, most)


@dataclass(frozen=True, slots=True)
class RunningScale:
    """Mean and deviation of all scores so far, exact however they are parted into steps (Chan et al., 1979)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    """Sum of squared differences from the mean."""

    def after(self, score_S: Tensor) -> RunningScale:
        """With the scores that were read taken in."""
        read = score_S[~score_S.isnan()].double()
        if not len(read):
            return self
        count, mean = self.count + len(read), float(read.mean())
        apart = mean - self.mean
        squares = float(((read - mean) ** 2).sum()) + apart**2 * self.count * len(read) / count
        return RunningScale(count, self.mean + apart * len(read) / count, self.squares + squares)

    @property
    def deviation(self) -> float:
        """Over n - 1; 1 before two scores, or where all are the same."""
        found = math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else 0.0
        return found or 1.0

    def scaled(self, score_S: Tensor, *, shift_mean: bool) -> Tensor:
        """By the deviation, and (`shift_mean`) less the mean."""
        return (score_S - (self.mean if shift_mean else 0.0)) / self.deviation
