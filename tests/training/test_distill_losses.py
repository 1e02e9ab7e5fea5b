"""Distances of a student from its teacher: by hand, in float64, by sampling, and against TRL where its rule is ours."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rlaif.training.distill_losses import full, jensen_shannon, sampled, top_k

trl_oracle = pytest.importorskip("tests.trl_oracle")

HALF = torch.tensor([[0.5, 0.25, 0.25]], dtype=torch.float64).log()
SURE = torch.tensor([[0.8, 0.1, 0.1]], dtype=torch.float64).log()


def logits(seed: int, count: int = 6, vocabulary: int = 9) -> tuple[Tensor, Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    own, held = (torch.randn(count, vocabulary, generator=drawn, dtype=torch.float64) * 3 for _ in range(2))
    return own.requires_grad_(), held.requires_grad_()


def test_full_by_hand() -> None:
    reverse = 0.5 * math.log(0.5 / 0.8) + 2 * 0.25 * math.log(0.25 / 0.1)
    forward = 0.8 * math.log(0.8 / 0.5) + 2 * 0.1 * math.log(0.1 / 0.25)
    assert float(full(HALF, SURE, forward=False)) == pytest.approx(reverse, abs=1e-12)
    assert float(full(HALF, SURE, forward=True)) == pytest.approx(forward, abs=1e-12)


def test_the_tail_is_one_bucket() -> None:
    # the likeliest token of the student alone: 1/2 and the other 1/2, against .8 and .2
    reverse = 0.5 * math.log(0.5 / 0.8) + 0.5 * math.log(0.5 / 0.2)
    forward = 0.8 * math.log(0.8 / 0.5) + 0.2 * math.log(0.2 / 0.5)
    assert float(top_k(HALF, SURE, top=1, forward=False)) == pytest.approx(reverse, abs=1e-12)
    assert float(top_k(HALF, SURE, top=1, forward=True)) == pytest.approx(forward, abs=1e-12)


def test_the_tail_keeps_its_digits() -> None:
    # 1 - p of the first token has no digit left in float32: the tail is summed, and not subtracted
    own = torch.tensor([[40.0, 0.0, 1.0]])
    held = torch.tensor([[40.0, 5.0, 1.0]])
    found = top_k(own, held, top=1, forward=True)
    exact = top_k(own.double(), held.double(), top=1, forward=True)
    tail = torch.tensor([5.0, 1.0], dtype=torch.float64).logsumexp(0) - 40
    small = torch.tensor([0.0, 1.0], dtype=torch.float64).logsumexp(0) - 40
    assert float(exact) == pytest.approx(
        float(tail.exp() * (tail - small) - tail.exp() + small.exp()), rel=1e-2
    )
    assert torch.isfinite(found).all()


def test_jensen_shannon_by_hand() -> None:
    mixed = [0.65, 0.175, 0.175]
    teacher = 0.8 * math.log(0.8 / mixed[0]) + 2 * 0.1 * math.log(0.1 / mixed[1])
    student = 0.5 * math.log(0.5 / mixed[0]) + 2 * 0.25 * math.log(0.25 / mixed[1])
    assert float(jensen_shannon(HALF, SURE, alpha=0.5)) == pytest.approx((teacher + student) / 2, abs=1e-12)


def test_sampled_by_hand() -> None:
    logp, teacher, old = (
        torch.tensor(each, dtype=torch.float64) for each in ([-1.0, -2.0], [-3.0, -0.5], [-4.0, -2.0])
    )
    own = logp.requires_grad_()
    found = sampled(own, teacher, old, most=2.0)
    # ratios e^3 -> 2 and 1; log-ratios 2 and -1.5
    assert found.tolist() == pytest.approx([2 * 2 * -1.0, 1 * -1.5 * -2.0])
    (slope,) = torch.autograd.grad(found.sum(), own)
    assert slope.tolist() == pytest.approx([4.0, -1.5])


def test_sampled_has_the_gradient_of_the_reverse_divergence() -> None:
    """Expected over all tokens that the student could draw, the estimator's gradient is the divergence's own."""
    own, held = logits(0)
    exact = torch.autograd.grad(full(own, held, forward=False).sum(), own)[0]
    logp = own.log_softmax(-1)
    terms = sampled(logp, held.log_softmax(-1), logp.detach(), most=2.0)
    expected = torch.autograd.grad((logp.exp().detach() * terms).sum(), own)[0]
    torch.testing.assert_close(expected, exact, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("forward", [False, True])
def test_gradients_are_those_of_the_formulas(forward: bool) -> None:
    own, held = logits(1)
    held = held.detach()
    assert torch.autograd.gradcheck(lambda x: full(x, held, forward=forward), own)
    assert torch.autograd.gradcheck(lambda x: top_k(x, held, top=3, forward=forward), own)
    assert torch.autograd.gradcheck(lambda x: jensen_shannon(x, held, alpha=0.3), own)


def test_nothing_flows_to_the_teacher() -> None:
    own, held = logits(2)
    total = (
        full(own, held, forward=False)
        + top_k(own, held, top=2, forward=True)
        + jensen_shannon(own, held, alpha=0.5)
    ).sum()
    assert torch.autograd.grad(total, held, allow_unused=True)[0] is None


@given(st.integers(0, 10_000), st.integers(1, 9), st.booleans())
def test_buckets_hide_and_never_add(seed: int, top: int, forward: bool) -> None:
    own, held = logits(seed)
    less, all_of_it = top_k(own, held, top=top, forward=forward), full(own, held, forward=forward)
    assert bool((less <= all_of_it + 1e-9).all())
    assert bool((less >= -1e-12).all())
    if top >= 8:  # one token or none is left over: the bucket is that token
        torch.testing.assert_close(less, all_of_it, rtol=1e-9, atol=1e-10)


@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_jensen_shannon_is_bounded_and_turns_with_alpha(seed: int, alpha: float) -> None:
    own, held = logits(seed)
    found = jensen_shannon(own, held, alpha=alpha)
    bound = -(alpha * math.log(alpha) + (1 - alpha) * math.log(1 - alpha))
    assert bool((found <= bound + 1e-9).all())
    torch.testing.assert_close(found, jensen_shannon(held, own, alpha=1 - alpha), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_jensen_shannon_is_trls(alpha: float) -> None:
    """Theirs, of GKD, with beta for alpha."""
    own, held = logits(3)
    theirs = trl_oracle.generalized_jsd(own, held, alpha)
    torch.testing.assert_close(jensen_shannon(own, held, alpha=alpha), theirs, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("forward", "beta"), [(True, 0.0), (False, 1.0)])
def test_full_is_trls_at_the_ends(forward: bool, beta: float) -> None:
    """Their beta 0 is KL(teacher || student), their beta 1 the reverse."""
    own, held = logits(4)
    theirs = trl_oracle.generalized_jsd(own, held, beta)
    torch.testing.assert_close(full(own, held, forward=forward), theirs, rtol=1e-9, atol=1e-12)
