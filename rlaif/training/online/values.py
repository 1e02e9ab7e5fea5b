"""The value model's loss, and how much of the returns it explains. Free functions.

Suffix: N tokens in order of their rollouts.
"""

from __future__ import annotations

import torch
from torch import Tensor


def value_terms(value_N: Tensor, old_N: Tensor, return_N: Tensor, *, clip: float) -> Tensor:
    """Half of max((V - R)^2, (clip(V, V_old +- clip) - R)^2): PPO's clipped value loss.

    A token without a return (NaN) has no loss and no gradient.
    """
    old_N = old_N.detach()
    there_N = ~return_N.isnan()
    # what a `where` leaves out still has a gradient of NaN if it was made of one
    return_N = torch.where(there_N, return_N, old_N)
    clipped_N = old_N + (value_N - old_N).clamp(-clip, clip)
    larger_N = torch.maximum((value_N - return_N) ** 2, (clipped_N - return_N) ** 2) / 2
    return torch.where(there_N, larger_N, torch.zeros_like(larger_N))


def value_clip_share(
    value_N: Tensor, old_N: Tensor, return_N: Tensor, weight_N: Tensor, *, clip: float
) -> Tensor:
    """Share of tokens whose gradient the clip takes away; weights sum to 1 over the update."""
    value_N = value_N.detach()
    clipped_N = old_N + (value_N - old_N).clamp(-clip, clip)
    return ((clipped_N - return_N) ** 2 > (value_N - return_N) ** 2).to(weight_N.dtype) @ weight_N


def explained_variance(value_N: Tensor, return_N: Tensor) -> float | None:
    """1 - var(R - V) / var(R), over tokens that have a return: 1 is perfect, 0 no better than a constant.

    None where the returns do not vary.
    """
    there_N = ~return_N.isnan()
    return_N, value_N = return_N[there_N].double(), value_N.detach()[there_N].double()
    if len(return_N) < 2 or not float(total := return_N.var()):
        return None
    return 1 - float((return_N - value_N).var()) / float(total)
