"""From the log-probabilities of a batch of pairs to the terms that losses read. Knows where answers begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rlaif.training.losses import PairLogps, PairTerms, sum_by
from rlaif.training.tokens import TokenPair


class Scored(NamedTuple):
    """Tokens of the answers of B pairs, chosen before rejected, pair by pair."""

    logp_N: Tensor
    reference_N: Tensor
    """Zeros without a reference."""
    branch_N: Tensor
    """0 .. 2 B - 1."""


def pair_terms(
    scored: Scored, pairs: Sequence[TokenPair], label_B: Tensor, zero_point: Tensor | None = None
) -> PairTerms:
    """What losses read of `pairs`, whose tokens were scored; in float64, for a long answer's sum is a large number."""
    logp_N, reference_N = _wide(scored.logp_N), _wide(scored.reference_N)
    branch_N, branches = scored.branch_N, 2 * len(pairs)
    lengths_S = torch.bincount(branch_N, minlength=branches)
    first_S = lengths_S.cumsum(0) - lengths_S
    place_N = torch.arange(len(branch_N), device=branch_N.device) - first_S[branch_N]
    shorter_S = lengths_S.view(-1, 2).min(1).values.repeat_interleave(2)
    head_N = (place_N < shorter_S[branch_N]).to(logp_N.dtype)

    def sums(values_N: Tensor) -> PairLogps:
        return _by_side(sum_by(values_N, branch_N, branches))

    gaps = [0.0 if each.score_gap is None else each.score_gap for each in pairs]
    return PairTerms(
        policy=sums(logp_N),
        reference=sums(reference_N),
        lengths=_by_side(lengths_S.to(logp_N.dtype)),
        policy_head=sums(logp_N * head_N),
        reference_head=sums(reference_N * head_N),
        label_B=label_B.to(logp_N.dtype),
        score_gap_B=logp_N.new_tensor(gaps),
        zero_point=logp_N.new_zeros(()) if zero_point is None else zero_point,
    )


def _wide(values_N: Tensor) -> Tensor:
    # Apple's GPUs have no float64
    return values_N if values_N.device.type == "mps" else values_N.double()


def _by_side(values_S: Tensor) -> PairLogps:
    return PairLogps(*values_S.view(-1, 2).unbind(1))


def length_shift(terms: PairTerms) -> tuple[Tensor, Tensor]:
    """Tokens by which the policy now prefers the longer of two answers, and the two's mean length; each a pair's.

    Of the two answers to a prompt the policy's odds have moved by exp(rho_w - rho_l), so that among answers that
    were as likely, the expected length is now sigmoid(h) |w| + sigmoid(-h) |l|.
    """
    lean_B = torch.sigmoid(terms.rho.gap_B) - 0.5
    return lean_B * terms.lengths.gap_B, (terms.lengths.chosen_B + terms.lengths.rejected_B) / 2
