"""What losses are made of: terms of a pair, cross-entropy, centering, KL, sums. Free functions, no reduction.

Suffixes name axes: B pairs, N completion tokens, S sequences, H heads of a reward model.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


class PairLogps(NamedTuple):
    """One number for each of the two answers of each pair: summed log-probabilities, lengths ..."""

    chosen_B: Tensor
    rejected_B: Tensor

    def swapped(self) -> PairLogps:
        """The other way round."""
        return PairLogps(self.rejected_B, self.chosen_B)

    def less(self, other: PairLogps) -> PairLogps:
        """Difference, answer by answer."""
        return PairLogps(self.chosen_B - other.chosen_B, self.rejected_B - other.rejected_B)

    def over(self, other: PairLogps) -> PairLogps:
        """Quotient, answer by answer."""
        return PairLogps(self.chosen_B / other.chosen_B, self.rejected_B / other.rejected_B)

    @property
    def gap_B(self) -> Tensor:
        """Chosen less rejected."""
        return self.chosen_B - self.rejected_B


class PairTerms(NamedTuple):
    """All that losses read of a batch of pairs."""

    policy: PairLogps
    """Summed log-probabilities."""
    reference: PairLogps
    """The same under the reference; zeros without one."""
    lengths: PairLogps
    """Tokens, as floats."""
    policy_head: PairLogps
    """Summed over as many first tokens as the shorter of the two has."""
    reference_head: PairLogps
    label_B: Tensor
    """P(chosen better)."""
    score_gap_B: Tensor
    """Of the judge's scores; 0 where there is none."""
    zero_point: Tensor
    """KTO's z / beta: mean log-ratio of answers to other prompts, at least 0; no gradient."""

    @property
    def rho(self) -> PairLogps:
        """Log-ratios to the reference."""
        return self.policy.less(self.reference)

    def swapped(self) -> PairTerms:
        """As if the rejected answer were the better one."""
        return self._replace(
            policy=self.policy.swapped(),
            reference=self.reference.swapped(),
            lengths=self.lengths.swapped(),
            policy_head=self.policy_head.swapped(),
            reference_head=self.reference_head.swapped(),
            label_B=1 - self.label_B,
        )


def preference_loss(margin_B: Tensor, label_prob_B: Tensor) -> Tensor:
    """Cross-entropy of sigmoid(margin) with P(chosen better): least where the margin is logit(label_prob).

    With label_prob = 1 it is the sigmoid DPO loss, or Bradley-Terry when the margin is that of two rewards.
    """
    return -label_prob_B * logsigmoid(margin_B) - (1 - label_prob_B) * logsigmoid(-margin_B)


def target_probs(label_prob_B: Tensor, loss: str, clip: float) -> Tensor:
    """Targets of `preference_loss`: the judge's clipped probability (`soft`), or certainty (`sigmoid`)."""
    if loss == "sigmoid":
        return torch.ones_like(label_prob_B)
    # an unclipped 0 or 1 has its optimum at an infinite margin: one overconfident label would pull for ever
    return label_prob_B.clamp(clip, 1 - clip)


def centering_loss(chosen_B: Tensor, rejected_B: Tensor) -> Tensor:
    """Squared sum of a pair's rewards: pins the level, which differences leave free."""
    return (chosen_B + rejected_B) ** 2


def kl_terms(logp_N: Tensor, reference_logp_N: Tensor) -> Tensor:
    """Per token, an estimate of KL(reference || policy) on the reference's own tokens: never negative.

    With d = log policy - log reference it is exp(d) - 1 - d: its mean is the KL, its variance small.
    """
    difference_N = logp_N - reference_logp_N
    return torch.expm1(difference_N) - difference_N


def on_policy_weights(logp_N: Tensor, collision_N: Tensor, group_N: Tensor, groups: int) -> Tensor:
    """How like the policy's own an answer is: exp(mean_t(log pi(y_t) - log sum_v pi(v)^2)) (WPO, 2406.11827, eq. 2).

    `collision_N` is that log-sum, the log-probability that two draws agree. No gradient; values above 1 occur.
    """
    above_N = (logp_N - collision_N).detach()
    return (sum_by(above_N, group_N, groups) / sum_by(torch.ones_like(above_N), group_N, groups)).exp()


def sum_by(values_N: Tensor, group_N: Tensor, groups: int) -> Tensor:
    """Sums of the values of each group: values_N -> sums_S."""
    return values_N.new_zeros(groups).index_add(0, group_N, values_N)
