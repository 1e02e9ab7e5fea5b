"""Whether what is trained is what drew: the trainer's log-probabilities against the sampler's, and against themselves.

Suffixes: N tokens in order of their rollouts, B rollouts of a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import NamedTuple

from torch import Tensor

from rlaif.errors import ModelError
from rlaif.training.losses import sum_by
from rlaif.training.online.policy_losses import lengths, mismatch_weights
from rlaif.training.online.rollouts import Rollout
from rlaif.training.packing import Batch
from rlaif.training.reference import ZERO_TOLERANCE

ROUNDING = 1e-5
"""Nats a token: so far apart are two ways of computing one model in float32. No further is not apart."""


class Drift(NamedTuple):
    """Trainer and sampler of one policy: how much less probable a rollout was where it was drawn."""

    log_ratio_B: Tensor
    length_B: Tensor
    most: float

    @property
    def weight_B(self) -> Tensor:
        """pi / pi_sampler of each rollout, and 0 for those that are not the trainer's policy's own.

        Where rounding is all that they differ by, it is 1: else chance would weigh rollouts, and a loss not repeat.
        """
        rounded_B = self.log_ratio_B.abs() <= ROUNDING * self.length_B
        apart_B = self.log_ratio_B.masked_fill(rounded_B, 0.0)
        return mismatch_weights(apart_B, most=self.most, least=1 / self.most)

    def parts(self, rollouts: int) -> dict[str, Tensor]:
        """A pass's part of the figures, over so many rollouts of the update."""
        return {
            "sampling/sampling_logp_difference/mean": (self.log_ratio_B.abs() / self.length_B).sum()
            / rollouts,
            "sampling/masked": (self.weight_B == 0).sum() / rollouts,
        }


def drift_of(
    rollouts: Sequence[Rollout], places: Sequence[int], old_N: Tensor, batch: Batch, *, most: float
) -> Drift:
    """Of the rollouts of a pass, at these places among all of the step; one whose sampler said nothing agrees."""
    said_B = old_N.new_tensor(
        [nan if (each := rollouts[place].logprob) is None else each for place in places]
    )
    apart_B = (sum_by(old_N, batch.branch_N, batch.branches) - said_B).nan_to_num(nan=0.0)
    return Drift(apart_B, lengths(batch.branch_N, batch.branches), most)


def assert_ratio_one(logp_N: Tensor, old_N: Tensor, precision: str) -> None:
    """Raise ModelError where pi / pi_old is not 1 before the first update: both are of the same weights and tokens."""
    off = float((logp_N.detach() - old_N).abs().max()) if len(logp_N) else 0.0
    if not off <= ZERO_TOLERANCE[precision]:
        raise ModelError(
            f"the policy differs from itself by {off:.2g} in a token's log-probability before the first update of a "
            "step: this model computes at random, or not the same twice"
        )
