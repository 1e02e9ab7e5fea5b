"""Every preference loss: a free function of log-probabilities, one value a pair, the reduction left to the caller.

Suffix B: pairs. Every formula is for minimising. In the formulas
w is the chosen answer, l the rejected one, p = P(w better), rho = log(policy / reference) of an answer,
h = rho_w - rho_l, |y| its tokens. A loss of sides, f(w, l), becomes one of probabilities as the mean over which of
the two is better: p f(w, l) + (1 - p) f(l, w); with p = 1 it is the paper's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from rlaif.training.loss_names import Weighted
from rlaif.training.losses import PairTerms, preference_loss

CERTAIN = 1e-3
"""How far from 0 and 1 a target is kept in a divergence from it: 2402.00856 smooths by as much."""

Options = Mapping[str, float]
PairLoss = Callable[[PairTerms, float, Options], Tensor]


def expected(side: PairLoss, terms: PairTerms, beta: float, options: Options) -> Tensor:
    """A loss of sides, averaged over which answer is better: p f(w, l) + (1 - p) f(l, w)."""
    flipped = side(terms.swapped(), beta, options)
    return terms.label_B * side(terms, beta, options) + (1 - terms.label_B) * flipped


def soft(terms: PairTerms, beta: float, _: Options) -> Tensor:
    """-p log sigmoid(beta h) - (1 - p) log sigmoid(-beta h); least where beta h = logit p."""
    return preference_loss(beta * terms.rho.gap_B, terms.label_B)


def sigmoid(terms: PairTerms, beta: float, _: Options) -> Tensor:
    """-log sigmoid(beta h) (Rafailov et al., 2305.18290, eq. 7)."""
    return -logsigmoid(beta * terms.rho.gap_B)


def cdpo(terms: PairTerms, beta: float, options: Options) -> Tensor:
    """`soft` with a share eps of all labels flipped: target (1 - eps) p + eps (1 - p)."""
    return preference_loss(beta * terms.rho.gap_B, _smoothed(terms.label_B, options))


def robust(terms: PairTerms, beta: float, options: Options) -> Tensor:
    """[-(1 - eps) log sigmoid(beta h) + eps log sigmoid(-beta h)] / (1 - 2 eps) (2403.00409, eq. 12)."""
    eps, margin_B = options["label_smoothing"], beta * terms.rho.gap_B
    return (-(1 - eps) * logsigmoid(margin_B) + eps * logsigmoid(-margin_B)) / (1 - 2 * eps)


def ipo(terms: PairTerms, beta: float, _: Options) -> Tensor:
    """(rho_w / |w| - rho_l / |l| - (2 p - 1) / (2 beta))^2 (2310.12036, eq. 17, with tau = beta)."""
    return (terms.rho.over(terms.lengths).gap_B - (2 * terms.label_B - 1) / (2 * beta)) ** 2


def hinge(terms: PairTerms, beta: float, _: Options) -> Tensor:
    """p max(0, 1 - beta h) + (1 - p) max(0, 1 + beta h) (SLiC, 2305.10425)."""
    margin_B = beta * terms.rho.gap_B
    return terms.label_B * torch.relu(1 - margin_B) + (1 - terms.label_B) * torch.relu(1 + margin_B)


def sigmoid_norm(terms: PairTerms, beta: float, _: Options) -> Tensor:
    """`soft` of beta (rho_w / |w| - rho_l / |l|) (Tulu 3, 2411.15124)."""
    return preference_loss(beta * terms.rho.over(terms.lengths).gap_B, terms.label_B)


def ld(terms: PairTerms, beta: float, options: Options) -> Tensor:
    """`soft`, tokens beyond the shorter answer's length counting ld_alpha (LD-DPO, 2409.06411)."""
    head, whole = terms.policy_head.less(terms.reference_head).gap_B, terms.rho.gap_B
    return preference_loss(beta * (head + options["ld_alpha"] * (whole - head)), terms.label_B)


def rdpo(terms: PairTerms, beta: float, options: Options) -> Tensor:
    """`soft` of beta h + length_alpha (|w| - |l|): a longer winner pulls less (2403.19159)."""
    margin_B = beta * terms.rho.gap_B + options["length_alpha"] * terms.lengths.gap_B
    return preference_loss(margin_B, terms.label_B)


def simpo(terms: PairTerms, beta: float, options: Options) -> Tensor:
    """-log sigmoid(beta log pi(w) / |w| - beta log pi(l) / |l| - gamma), averaged over sides (2405.14734, eq. 6)."""

    def side(terms: PairTerms, beta: float, options: Options) -> Tensor:
        return -logsigmoid(beta * terms.policy.over(terms.lengths).gap_B - options["gamma"])

    return expected(side, terms, beta, options)


def orpo(terms: PairTerms, beta: float, _: Options) -> Tensor:
    """-log P_w + beta `soft`(log odds P_w - log odds P_l), P = exp(mean log pi) (2403.07691, eq. 6 and 7)."""
    mean = terms.policy.over(terms.lengths)
    ratio_B = mean.gap_B - (_log_not(mean.chosen_B) - _log_not(mean.rejected_B))
    return -mean.chosen_B + beta * preference_loss(ratio_B, terms.label_B)


def kto(terms: PairTerms, beta: float, options: Options) -> Tensor:
    """Half of l_D (1 - sigmoid(beta rho_w - z)) + l_U (1 - sigmoid(z - beta rho_l)), averaged over sides.

    Each answer is an example of its own (2402.01306, eq. 8); z is `zero_point` times beta.
    """

    def side(terms: PairTerms, beta: float, options: Options) -> Tensor:
        good_B = 1 - torch.sigmoid(beta * (terms.rho.chosen_B - terms.zero_point))
        bad_B = 1 - torch.sigmoid(beta * (terms.zero_point - terms.rho.rejected_B))
        return (options["desirable_weight"] * good_B + options["undesirable_weight"] * bad_B) / 2

    return expected(side, terms, beta, options)


def odpo(terms: PairTerms, beta: float, options: Options) -> Tensor:
    """-log sigmoid(beta h - offset log(score_gap)) (2402.10571, eq. 8)."""
    return -logsigmoid(beta * terms.rho.gap_B - options["offset"] * terms.score_gap_B.log())


def dpop(terms: PairTerms, beta: float, options: Options) -> Tensor:
    """-log sigmoid(beta (h - lambda max(0, -rho_w))), averaged over sides (2402.13228, eq. 3)."""

    def side(terms: PairTerms, beta: float, options: Options) -> Tensor:
        fallen_B = torch.relu(-terms.rho.chosen_B)
        return -logsigmoid(beta * (terms.rho.gap_B - options["dpop_lambda"] * fallen_B))

    return expected(side, terms, beta, options)


def apo_zero(terms: PairTerms, beta: float, options: Options) -> Tensor:
    """1 - sigmoid(beta rho_w) + sigmoid(beta rho_l), averaged over sides (2408.06266, eq. 7)."""

    def side(terms: PairTerms, beta: float, _: Options) -> Tensor:
        rho = terms.rho
        return 1 - torch.sigmoid(beta * rho.chosen_B) + torch.sigmoid(beta * rho.rejected_B)

    return expected(side, terms, beta, options)


def apo_down(terms: PairTerms, beta: float, options: Options) -> Tensor:
    """sigmoid(beta rho_w) + 1 - sigmoid(beta h), averaged over sides (2408.06266, eq. 8)."""

    def side(terms: PairTerms, beta: float, _: Options) -> Tensor:
        rho = terms.rho
        return torch.sigmoid(beta * rho.chosen_B) + 1 - torch.sigmoid(beta * rho.gap_B)

    return expected(side, terms, beta, options)


def sppo(terms: PairTerms, beta: float, _: Options) -> Tensor:
    """(rho_w - (p - 1/2) / beta)^2 + (rho_l + (p - 1/2) / beta)^2 (2405.00675, eq. 4.7)."""
    aim_B, rho = (terms.label_B - 0.5) / beta, terms.rho
    return (rho.chosen_B - aim_B) ** 2 + (rho.rejected_B + aim_B) ** 2


def exo_pair(terms: PairTerms, beta: float, options: Options) -> Tensor:
    """KL of (sigmoid(beta h), sigmoid(-beta h)) to (p, 1 - p) (2402.00856, eq. 16)."""
    # the reverse KL to a certainty is infinite
    target_B = _smoothed(terms.label_B, options).clamp(CERTAIN, 1 - CERTAIN)
    margin_B = beta * terms.rho.gap_B
    win_B = torch.sigmoid(margin_B) * (logsigmoid(margin_B) - target_B.log())
    return win_B + torch.sigmoid(-margin_B) * (logsigmoid(-margin_B) - torch.log1p(-target_B))


def nca_pair(terms: PairTerms, beta: float, options: Options) -> Tensor:
    """-log s(r_w) - 1/2 log s(-r_w) - 1/2 log s(-r_l), r = beta rho, averaged over sides (2402.05369)."""

    def side(terms: PairTerms, beta: float, _: Options) -> Tensor:
        good_B, bad_B = beta * terms.rho.chosen_B, beta * terms.rho.rejected_B
        return -logsigmoid(good_B) - (logsigmoid(-good_B) + logsigmoid(-bad_B)) / 2

    return expected(side, terms, beta, options)


def bco_pair(terms: PairTerms, beta: float, options: Options) -> Tensor:
    """-log sigmoid(beta rho_w) - log sigmoid(-beta rho_l), averaged over sides (2404.04656, without its shift)."""

    def side(terms: PairTerms, beta: float, _: Options) -> Tensor:
        return -logsigmoid(beta * terms.rho.chosen_B) - logsigmoid(-beta * terms.rho.rejected_B)

    return expected(side, terms, beta, options)


def discopop(terms: PairTerms, beta: float, options: Options) -> Tensor:
    """(1 - m) (-log s(x)) + m exp(-x), x = beta h, m = s(x / tau), averaged over sides (2406.08414, eq. 5)."""

    def side(terms: PairTerms, beta: float, options: Options) -> Tensor:
        margin_B = beta * terms.rho.gap_B
        share_B = torch.sigmoid(margin_B / options["discopop_tau"])
        return (1 - share_B) * -logsigmoid(margin_B) + share_B * torch.exp(-margin_B)

    return expected(side, terms, beta, options)


def nll(terms: PairTerms, _beta: float, _options: Options) -> Tensor:
    """-log pi(w) / |w| (RPO, 2407.21783: mean over the answer's tokens)."""
    return -terms.policy.chosen_B / terms.lengths.chosen_B


def _smoothed(label_B: Tensor, options: Options) -> Tensor:
    eps = options["label_smoothing"]
    return (1 - eps) * label_B + eps * (1 - label_B)


def _log_not(logp_B: Tensor) -> Tensor:
    """log(1 - exp(x)) for x < 0, by the form that keeps digits on either side of log(1/2)."""
    # an answer that is certain has no odds; below this the float cannot tell it from one
    logp_B = logp_B.clamp(max=-torch.finfo(logp_B.dtype).eps)
    near_B = torch.log(-torch.expm1(logp_B.clamp(min=-0.6931)))
    return torch.where(logp_B > -0.6931, near_B, torch.log1p(-torch.exp(logp_B)))


PAIR_LOSSES: Mapping[str, PairLoss] = {
    each.__name__: each
    for each in (
        *(soft, sigmoid, cdpo, robust, ipo, hinge, sigmoid_norm, ld, rdpo, simpo, orpo, kto, odpo, dpop),
        *(apo_zero, apo_down, sppo, exo_pair, nca_pair, bco_pair, discopop, nll),
    )
}


def mixed(mix: tuple[Weighted, ...], terms: PairTerms, beta: float, options: Options) -> Tensor:
    """The weighted sum of several losses."""
    parts = [each.weight * PAIR_LOSSES[each.name](terms, beta, options) for each in mix]
    return torch.stack(parts).sum(0)
