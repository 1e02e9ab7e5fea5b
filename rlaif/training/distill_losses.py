"""Distances between a student's distribution and its teacher's, token by token. Free functions of logits.

Each gives one figure a token, in nats; no gradient flows to the teacher. `sampled` needs log-probabilities of the
tokens alone (SDPO, 2601.20802); the others read both distributions.

Suffixes: N tokens, V vocabulary, K the student's likeliest tokens, B those and one bucket for all others.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sampled(logp_N: Tensor, teacher_N: Tensor, old_N: Tensor, *, most: float) -> Tensor:
    """min(pi / pi_old, `most`) * sg[log pi - log pi_T] * log pi of each sampled token.

    Its value says nothing: its gradient is that of KL(pi || pi_T), estimated on tokens that pi_old drew.
    """
    ratio_N = (logp_N - old_N).detach().exp().clamp(max=most)
    return ratio_N * (logp_N - teacher_N).detach() * logp_N


def full(logits_NV: Tensor, teacher_NV: Tensor, *, forward: bool) -> Tensor:
    """KL(pi || pi_T), or `forward` KL(pi_T || pi), over the whole vocabulary."""
    own_NV, held_NV = logits_NV.log_softmax(-1), teacher_NV.detach().log_softmax(-1)
    return _kl(held_NV, own_NV) if forward else _kl(own_NV, held_NV)


def top_k(logits_NV: Tensor, teacher_NV: Tensor, *, top: int, forward: bool) -> Tensor:
    """As `full` over the student's `top` likeliest tokens and one bucket that holds all others.

    Never more than `full` gives: who puts tokens together sees less of a difference.
    """
    if top >= logits_NV.shape[-1]:
        return full(logits_NV, teacher_NV, forward=forward)
    chosen_NK = logits_NV.detach().topk(top, -1).indices
    own_NB = _bucketed(logits_NV, chosen_NK)
    held_NB = _bucketed(teacher_NV.detach(), chosen_NK)
    return _kl(held_NB, own_NB) if forward else _kl(own_NB, held_NB)


def jensen_shannon(logits_NV: Tensor, teacher_NV: Tensor, *, alpha: float) -> Tensor:
    """alpha KL(pi_T || M) + (1 - alpha) KL(pi || M), M = alpha pi_T + (1 - alpha) pi (GKD, 2306.13649, eq. 2)."""
    own_NV, held_NV = logits_NV.log_softmax(-1), teacher_NV.detach().log_softmax(-1)
    mixed_NV = torch.logaddexp(own_NV + math.log1p(-alpha), held_NV + math.log(alpha))
    return alpha * _kl(held_NV, mixed_NV) + (1 - alpha) * _kl(own_NV, mixed_NV)


def _kl(one: Tensor, other: Tensor) -> Tensor:
    """KL(one || other) of log-probabilities in the last dimension."""
    return (one.exp() * (one - other)).sum(-1)


def _bucketed(logits_NV: Tensor, chosen_NK: Tensor) -> Tensor:
    """Log-probabilities of the chosen tokens, and behind them of all others together."""
    logp_NV = logits_NV.log_softmax(-1)
    # summed as what is left, and not as 1 minus the others: that has no digits where the tail is small
    rest_N1 = logp_NV.scatter(-1, chosen_NK, -torch.inf).logsumexp(-1, keepdim=True)
    return torch.cat([logp_NV.gather(-1, chosen_NK), rest_N1], -1)
