"""Whether what is trained is what drew: the trainer's log-probabilities against the sampler's, and against themselves.

One policy in two programs gives two distributions. A token's ratio is pi / pi_sampler, a rollout's the product of its
tokens'. Weighed by the ratios of whole rollouts, what the sampler drew has the policy's own gradient; bounds on them,
and ratios of single tokens, trade some of that for a smaller variance.

Suffixes: N tokens in order of their rollouts, B rollouts of a pass, S those of the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from math import inf, nan
from typing import NamedTuple

import torch
from torch import Tensor

from rlaif.errors import ModelError
from rlaif.training.configs.online import OnlineConfig, PolicyGradientConfig
from rlaif.training.losses import sum_by
from rlaif.training.online.policy_losses import mismatch_weights, truncated_weights
from rlaif.training.online.rollouts import Rollout
from rlaif.training.reference import ZERO_TOLERANCE, furthest

NO_CORRECTION = "none"
ROUNDING = 1e-5
"""Nats a token: so far apart are two ways of computing one model in float32. No further is not apart."""


class Correction(NamedTuple):
    """How rollouts of another program than the trainer are weighed."""

    kind: str
    """sequence-mask | sequence-truncate | token-mask | token-truncate | none."""
    most: float
    """The bound of the ratio: beyond it, or one by it, a mask leaves out; above it, truncation ends."""

    @property
    def by_token(self) -> bool:
        """Whether each token has a weight of its own."""
        return self.kind.startswith("token")

    def weights(self, log_ratio: Tensor) -> Tensor:
        """The weight of each ratio, of tokens or of rollouts."""
        if self.kind == NO_CORRECTION:
            return torch.ones_like(log_ratio)
        if self.kind.endswith("truncate"):
            return truncated_weights(log_ratio, most=self.most)
        return mismatch_weights(log_ratio, most=self.most, least=1 / self.most)

    @property
    def figure(self) -> str:
        """The name of the share of ratios that a bound has changed."""
        return "sampling/truncated" if self.kind.endswith("truncate") else "sampling/masked"

    def bounded(self, log_ratio: Tensor) -> Tensor:
        """Which ratios a bound has changed, as numbers."""
        if self.kind == NO_CORRECTION:
            return torch.zeros_like(log_ratio)
        return (self.weights(log_ratio) != log_ratio.exp()).to(log_ratio.dtype)


def correction_of(config: OnlineConfig) -> Correction:
    """What a configuration says; methods that imitate or compare weigh nothing."""
    if isinstance(config, PolicyGradientConfig):
        return Correction(config.correction, config.max_mismatch)
    return Correction(NO_CORRECTION, inf)


class Drift(NamedTuple):
    """Trainer and sampler of one policy: how much likelier each token is to the trainer."""

    log_ratio_N: Tensor
    branch_N: Tensor
    branches: int
    correction: Correction

    @property
    def weight_N(self) -> Tensor:
        """What to multiply each token's term by."""
        judged = self.correction.weights(self.judged)
        return judged if self.correction.by_token else judged[self.branch_N]

    @property
    def apart_N(self) -> Tensor:
        """The ratios, as logarithms, without those of rollouts that differ by rounding alone.

        Else chance would weigh rollouts, and a loss not repeat.
        """
        length_B = sum_by(torch.ones_like(self.log_ratio_N), self.branch_N, self.branches)
        rounded_B = sum_by(self.log_ratio_N.abs(), self.branch_N, self.branches) <= ROUNDING * length_B
        return self.log_ratio_N.masked_fill(rounded_B[self.branch_N], 0.0)

    @property
    def judged(self) -> Tensor:
        """The ratios that the correction looks at, as logarithms: of tokens, or of rollouts."""
        if self.correction.by_token:
            return self.apart_N
        return sum_by(self.apart_N, self.branch_N, self.branches)

    def parts(self, rollouts: int, tokens: int) -> dict[str, Tensor]:
        """A pass's part of the figures of an update, over all of its rollouts and tokens."""
        among = tokens if self.correction.by_token else rollouts
        return {
            "sampling/sampling_logp_difference/mean": self.log_ratio_N.abs().sum() / tokens,
            self.correction.figure: self.correction.bounded(self.judged).sum() / among,
        }

    def figures(self) -> dict[str, float]:
        """Those of a whole step, by TRL's names: the ratios are as they weigh, raw where nothing is corrected."""
        apart_N = self.log_ratio_N.abs()
        judged = self.judged
        raw = self.correction.kind == NO_CORRECTION
        weight = judged.exp() if raw else self.correction.weights(judged)
        return {
            "sampling/sampling_logp_difference/mean": float(apart_N.mean()),
            "sampling/sampling_logp_difference/max": float(apart_N.max()),
            "sampling/importance_sampling_ratio/min": float(weight.min()),
            "sampling/importance_sampling_ratio/mean": float(weight.mean()),
            "sampling/importance_sampling_ratio/max": float(weight.max()),
            self.correction.figure: float(self.correction.bounded(judged).mean()),
        }


def sampled_logps(rollouts: Sequence[Rollout]) -> Tensor:
    """What the sampler said of each token, float64; NaN where it said nothing."""
    told = (each.logprobs if each.logprobs is not None else [nan] * len(each.ids) for each in rollouts)
    return torch.tensor(list(chain.from_iterable(told)), dtype=torch.float64)


def drift_of(rollouts: Sequence[Rollout], old_N: Tensor, branch_N: Tensor, correction: Correction) -> Drift:
    """Of the rollouts of a pass, in its order; one whose sampler said nothing agrees with the trainer.

    old_N: log-probabilities by the trainer before the step's first update.
    """
    # on the CPU, for not every device knows float64
    apart_N = (old_N.detach().cpu().double() - sampled_logps(rollouts)).nan_to_num(nan=0.0)
    return Drift(apart_N.to(old_N), branch_N, len(rollouts), correction)


def step_drift(rollouts: Sequence[Rollout], correction: Correction) -> Drift | None:
    """Of all rollouts of a step; None where the trainer has not read them before its updates."""
    read = [each for each in rollouts if each.trained is not None]
    if not read:
        return None
    old_N = torch.tensor([value for each in read for value in each.trained or ()], dtype=torch.float64)
    sizes = torch.tensor([len(each.ids) for each in read])
    return drift_of(read, old_N, torch.repeat_interleave(torch.arange(len(read)), sizes), correction)


def assert_ratio_one(logp_N: Tensor, old_N: Tensor, precision: str) -> None:
    """Raise ModelError where pi / pi_old is not 1 before the first update: both are of the same weights and tokens."""
    off = furthest(logp_N, old_N)
    if not off <= ZERO_TOLERANCE[precision]:
        raise ModelError(
            f"the policy differs from itself by {off:.2g} of a token's log-probability before the first update of a "
            "step: this model computes at random, or not the same twice"
        )
