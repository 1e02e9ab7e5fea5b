"""Policy-gradient losses: by hand, and loss, gradient and clip shares of TRL 1.16's own code on the same tensors."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from rlaif.training.online.kl import loss_terms
from rlaif.training.online.policy_losses import (
    cispo_terms,
    clip_shares,
    clipped_terms,
    lengths,
    mean_of_means,
    mean_of_tokens,
    mismatch_weights,
    off_policy_kept,
    sequence_ratio,
    sum_by_constant,
    token_ratio,
    weighted,
    whole_ratio,
)

NAN = float("nan")


class Drawn(NamedTuple):
    """Rollouts of several lengths, as we lay them out and as TRL does: flat, and (answers, tokens) with a mask."""

    logp_ST: Tensor
    old_ST: Tensor
    held_ST: Tensor
    sampled_ST: Tensor
    mask_ST: Tensor
    advantage_S: Tensor

    def flat(self, name: str) -> Tensor:
        return getattr(self, name)[self.mask_ST.bool()]

    @property
    def branch_N(self) -> Tensor:
        return self.mask_ST.nonzero()[:, 0]

    @property
    def length_S(self) -> Tensor:
        return self.mask_ST.sum(1)

    @property
    def share_S(self) -> Tensor:
        return torch.full_like(self.advantage_S, 1 / len(self.advantage_S))

    @property
    def advantage_N(self) -> Tensor:
        return self.advantage_S[self.branch_N]


@pytest.fixture
def drawn() -> Drawn:
    made = torch.Generator().manual_seed(3)
    count, width = 8, 7

    def random(scale: float) -> Tensor:
        return torch.randn(count, width, generator=made, dtype=torch.float64) * scale

    old = -random(1.0).abs()
    mask = (torch.arange(width) < torch.tensor([[7], [1], [4], [2], [7], [5], [3], [6]])).long()
    return Drawn(
        (old + random(0.3) + random(0.5)[:, :1]).requires_grad_(),
        old,
        old + random(0.2),
        old + random(0.3),
        mask,
        random(1.0)[:, 0],
    )


def slope(loss: Tensor, drawn: Drawn) -> Tensor:
    return torch.autograd.grad(loss, drawn.logp_ST, retain_graph=True)[0]


def assert_same(ours: Tensor, theirs: Tensor, drawn: Drawn) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(slope(ours, drawn), slope(theirs, drawn), rtol=1e-5, atol=1e-9)
    assert float(slope(ours, drawn).abs().max()) > 1e-3


def trl_loss(drawn: Drawn, kind: str = "GRPOTrainer", **settings: Any) -> tuple[Tensor, dict[str, float]]:
    oracle = pytest.importorskip("tests.trl_oracle")
    inputs = {
        "completion_mask": drawn.mask_ST,
        "old_per_token_logps": drawn.old_ST,
        "ref_per_token_logps": drawn.held_ST,
        "old_logps": (drawn.old_ST * drawn.mask_ST).sum(1),
        "advantages": drawn.advantage_S,
    }
    if settings.pop("sampler", False):
        inputs["sampling_per_token_logps"] = drawn.sampled_ST
    if (ratio := settings.pop("ratio", None)) is not None:
        inputs["importance_sampling_ratio"] = ratio
    loss: tuple[Tensor, dict[str, float]] = oracle.policy_loss(
        getattr(oracle.trl, kind), drawn.logp_ST, inputs, **settings
    )
    return loss


def weights(loss_type: str, drawn: Drawn) -> Tensor:
    if loss_type == "grpo":
        return mean_of_means(drawn.share_S, drawn.length_S)
    if loss_type == "dr_grpo":
        return sum_by_constant(drawn.share_S, 11)
    return mean_of_tokens(drawn.share_S, drawn.length_S)


# --- TRL's own code ---


@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize("loss_type", ["grpo", "dr_grpo", "dapo", "bnpo"])
def test_clipped_losses_are_those_of_trls_grpo(loss_type: str, level: str, drawn: Drawn) -> None:
    theirs, figures = trl_loss(
        drawn,
        loss_type=loss_type,
        importance_sampling_level=level,
        epsilon_high=0.28,
        max_completion_length=11,
    )
    logp_N, old_N = drawn.flat("logp_ST"), drawn.flat("old_ST")
    ratio_N = token_ratio(logp_N, old_N)
    if level == "sequence":
        ratio_N = sequence_ratio(logp_N, old_N, drawn.branch_N, 8)
    terms_N = clipped_terms(ratio_N, drawn.advantage_N, low=0.2, high=0.28)
    assert_same(weighted(terms_N, weights(loss_type, drawn), drawn.branch_N), theirs, drawn)
    # TRL's share of GSPO is one of rollouts
    even_S = (
        weights("dapo", drawn) if level == "token" else mean_of_means(drawn.share_S, drawn.length_S)
    ).double()
    shares = clip_shares(ratio_N, drawn.advantage_N, even_S[drawn.branch_N], low=0.2, high=0.28)
    for name, share in shares.items():
        assert float(share) == pytest.approx(figures[name], rel=1e-5)
    assert float(shares["clip_ratio/region_mean"]) > 0.1


def test_the_ratio_bounded_on_both_sides_is_trls_delta(drawn: Drawn) -> None:
    theirs, _ = trl_loss(drawn, delta=1.1)
    terms_N = clipped_terms(
        token_ratio(drawn.flat("logp_ST"), drawn.flat("old_ST")),
        drawn.advantage_N,
        low=0.2,
        high=0.2,
        most=1.1,
    )
    assert_same(weighted(terms_N, weights("grpo", drawn), drawn.branch_N), theirs, drawn)


def test_cispo_is_trls_whose_bound_is_the_ratio_itself(drawn: Drawn) -> None:
    theirs, _ = trl_loss(drawn, loss_type="cispo", epsilon_high=1.2)
    logp_N = drawn.flat("logp_ST")
    terms_N = cispo_terms(token_ratio(logp_N, drawn.flat("old_ST")), drawn.advantage_N, logp_N, most=1.2)
    assert_same(weighted(terms_N, weights("dapo", drawn), drawn.branch_N), theirs, drawn)


@pytest.mark.parametrize("kind", ["k3", "k3-corrected"])
def test_the_kl_in_the_loss_is_trls_with_and_without_its_correction(kind: str, drawn: Drawn) -> None:
    theirs, _ = trl_loss(drawn, beta=0.3, use_bias_correction_kl=kind == "k3-corrected")
    logp_N, held_N = drawn.flat("logp_ST"), drawn.flat("held_ST")
    ratio_N = token_ratio(logp_N, drawn.flat("old_ST"))
    kl_N = loss_terms(kind, logp_N, held_N, ratio_N)
    terms_N = clipped_terms(ratio_N, drawn.advantage_N, low=0.2, high=0.2)
    share_S = weights("grpo", drawn)
    ours = weighted(terms_N, share_S, drawn.branch_N) + 0.3 * weighted(kl_N, share_S, drawn.branch_N)
    assert_same(ours, theirs, drawn)


def test_rloo_is_trls(drawn: Drawn) -> None:
    theirs, _ = trl_loss(drawn, "RLOOTrainer")
    ratio_N = whole_ratio(drawn.flat("logp_ST"), drawn.flat("old_ST"), drawn.branch_N, 8)
    terms_N = clipped_terms(ratio_N, drawn.advantage_N, low=0.2, high=0.2)
    assert_same(
        weighted(terms_N, mean_of_means(drawn.share_S, drawn.length_S), drawn.branch_N), theirs, drawn
    )


def test_at_the_policy_that_drew_rloo_is_the_plain_policy_gradient(drawn: Drawn) -> None:
    at_start = drawn._replace(old_ST=drawn.logp_ST.detach())
    theirs, _ = trl_loss(at_start, "RLOOTrainer")
    logp_N = drawn.flat("logp_ST")
    ratio_N = token_ratio(logp_N, logp_N)
    assert ratio_N.abs().max() == 0  # the ratio is 1 before the first update
    terms_N = clipped_terms(ratio_N, drawn.advantage_N, low=0.2, high=0.2)
    ours = weighted(terms_N, drawn.share_S, drawn.branch_N)
    torch.testing.assert_close(slope(ours, drawn), slope(theirs, drawn), rtol=1e-9, atol=1e-12)
    plain = -(drawn.share_S * drawn.advantage_S * (drawn.logp_ST * drawn.mask_ST).sum(1)).sum()
    torch.testing.assert_close(slope(ours, drawn), slope(plain, drawn), rtol=1e-9, atol=1e-12)


def test_opsm_is_trls(drawn: Drawn) -> None:
    theirs, _ = trl_loss(drawn, off_policy_mask_threshold=0.01, sampler=True)
    logp_N = drawn.flat("logp_ST")
    kept_S = off_policy_kept(drawn.advantage_S, logp_N, drawn.flat("sampled_ST"), drawn.branch_N, most=0.01)
    assert 0 < int(kept_S.sum()) < 8
    terms_N = clipped_terms(token_ratio(logp_N, drawn.flat("old_ST")), drawn.advantage_N, low=0.2, high=0.2)
    ours = weighted(terms_N * kept_S[drawn.branch_N], weights("grpo", drawn), drawn.branch_N)
    assert_same(ours, theirs, drawn)


def test_the_mismatch_of_sampler_and_trainer_is_weighed_as_trl_does(drawn: Drawn) -> None:
    oracle = pytest.importorskip("tests.trl_oracle")
    sampled_ST = drawn.sampled_ST.clone()
    sampled_ST[1, 0] = NAN  # the sampler gave none of its one token
    theirs = oracle.sampler_ratios(
        drawn.old_ST, sampled_ST, drawn.mask_ST, mode="sequence_mask", most=1.5, least=None
    )
    log_ratio_S = ((drawn.old_ST - sampled_ST) * drawn.mask_ST).sum(1)
    ours_S = mismatch_weights(log_ratio_S, most=1.5)
    assert 0 < int((ours_S == 0).sum()) < 8
    assert float(ours_S[1]) == 1
    torch.testing.assert_close(ours_S[:, None], theirs, rtol=1e-9, atol=0)
    # and its loss multiplies the terms by it
    loss, _ = trl_loss(drawn, ratio=theirs, use_vllm=True)
    terms_N = clipped_terms(
        token_ratio(drawn.flat("logp_ST"), drawn.flat("old_ST")), drawn.advantage_N, low=0.2, high=0.2
    )
    weight_S = weights("grpo", drawn) * ours_S
    assert_same(weighted(terms_N, weight_S, drawn.branch_N), loss, drawn)


def test_a_rollout_whose_ratio_is_too_small_is_masked_too() -> None:
    assert mismatch_weights(torch.tensor([-2.0, 0.0]), most=3.0, least=0.5).tolist() == [0, 1]


# --- by hand ---


def test_the_clipped_loss_by_hand() -> None:
    # ratios 1.5, .5, 1.5, .5 with advantages +, +, -, -
    ratio_N = torch.tensor([1.5, 0.5, 1.5, 0.5], requires_grad=True)
    advantage_N = torch.tensor([2.0, 2.0, -2.0, -2.0])
    terms_N = clipped_terms(ratio_N.log(), advantage_N, low=0.2, high=0.28)
    assert terms_N.tolist() == pytest.approx([-2 * 1.28, -2 * 0.5, 2 * 1.5, 2 * 0.8])
    (gradient_N,) = torch.autograd.grad(terms_N.sum(), ratio_N)
    # the clip takes the gradient only where it would go on in the direction that it went
    assert gradient_N.tolist() == pytest.approx([0, -2, 2, 0], abs=1e-6)
    shares = clip_shares(ratio_N.log(), advantage_N, torch.full((4,), 0.25), low=0.2, high=0.28)
    assert {name: float(share) for name, share in shares.items()} == {
        "clip_ratio/low_mean": 0.25,
        "clip_ratio/high_mean": 0.25,
        "clip_ratio/region_mean": 0.5,
    }


def test_the_weights_by_hand() -> None:
    share_S, branch_N = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0, 1, 1, 1, 2])
    length_S = lengths(branch_N, 3)
    assert length_S.tolist() == [1, 3, 1]
    terms_N = torch.tensor([8.0, 1.0, 2.0, 3.0, 100.0])
    found = {
        "means": weighted(terms_N, mean_of_means(share_S, length_S), branch_N),
        "tokens": weighted(terms_N, mean_of_tokens(share_S, length_S), branch_N),
        "constant": weighted(terms_N, sum_by_constant(share_S, 10), branch_N),
        "sums": weighted(terms_N, share_S, branch_N),
    }
    # the last rollout has no reward, and no say
    assert {name: float(each) for name, each in found.items()} == pytest.approx(
        {"means": (8 + 2) / 2, "tokens": 14 / 4, "constant": (8 + 6) / 2 / 10, "sums": (8 + 6) / 2}
    )


def test_losses_of_passes_add_up(drawn: Drawn) -> None:
    terms_N = clipped_terms(
        token_ratio(drawn.flat("logp_ST"), drawn.flat("old_ST")), drawn.advantage_N, low=0.2, high=0.2
    )
    for weight_S in (weights(each, drawn) for each in ("grpo", "dr_grpo", "dapo")):
        whole = weighted(terms_N, weight_S, drawn.branch_N)
        first = drawn.branch_N < 3
        parts = [weighted(terms_N[each], weight_S, drawn.branch_N[each]) for each in (first, ~first)]
        torch.testing.assert_close(parts[0] + parts[1], whole)


def test_logits_read_at_another_temperature_show_as_a_ratio_that_is_not_1() -> None:
    logits_NV = torch.randn(5, 9, generator=torch.Generator().manual_seed(0))
    tokens_N1 = torch.arange(5)[:, None]
    drawn_at, read_at = ((logits_NV / each).log_softmax(-1).gather(1, tokens_N1)[:, 0] for each in (0.7, 1.0))
    assert float(token_ratio(drawn_at, drawn_at).exp().sub(1).abs().max()) < 1e-4
    assert float(token_ratio(read_at, drawn_at).exp().sub(1).abs().max()) > 0.05
