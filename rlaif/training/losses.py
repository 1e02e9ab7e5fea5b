"""Losses of log-probabilities and rewards: free functions, one value a pair, the reduction left to the caller.

Suffixes name axes: B pairs, N completion tokens, S sequences. Every formula is for minimising.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


class PairLogps(NamedTuple):
    """Summed log-probabilities of the two answers of each pair under one model."""

    chosen_B: Tensor
    rejected_B: Tensor


def implicit_rewards(policy: PairLogps, reference: PairLogps, beta: float) -> PairLogps:
    """beta times log(policy / reference), for each answer."""
    return PairLogps(
        beta * (policy.chosen_B - reference.chosen_B), beta * (policy.rejected_B - reference.rejected_B)
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


def sum_by(values_N: Tensor, group_N: Tensor, groups: int) -> Tensor:
    """Sums of the values of each group: values_N -> sums_S."""
    return values_N.new_zeros(groups).index_add(0, group_N, values_N)
