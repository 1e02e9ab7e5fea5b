"""Losses by hand arithmetic and by finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rlaif.training import losses
from rlaif.training.losses import PairLogps

margins = st.floats(-20, 20)
probs = st.floats(0.02, 0.98)


def double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_sigmoid_loss_by_hand() -> None:
    # margin = 0.5 * ((-1 - -2) - (-3 - -2)) = 0.5 * (1 + 1) = 1; -log sigmoid(1) = log(1 + e^-1)
    ratios = PairLogps(double(-1.0), double(-3.0)).less(PairLogps(double(-2.0), double(-2.0)))
    loss = losses.preference_loss(0.5 * ratios.gap_B, double(1.0))
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-1)))


def test_soft_loss_by_hand() -> None:
    # p = 3/4, margin 1: 3/4 log(1 + e^-1) + 1/4 log(1 + e)
    loss = losses.preference_loss(double(1.0), double(0.75))
    assert loss.item() == pytest.approx(0.75 * math.log(1 + math.exp(-1)) + 0.25 * math.log(1 + math.e))


def test_loss_without_preference_is_symmetric_and_least_at_zero() -> None:
    assert losses.preference_loss(double(0.0), double(0.5)).item() == pytest.approx(math.log(2))
    assert losses.preference_loss(double(0.3), double(0.5)) > math.log(2)


@given(margins, probs)
def test_swapping_the_answers_and_the_label_changes_nothing(margin: float, prob: float) -> None:
    forward = losses.preference_loss(double(margin), double(prob))
    swapped = losses.preference_loss(double(-margin), double(1 - prob))
    torch.testing.assert_close(forward, swapped)


@given(probs)
def test_soft_loss_is_least_where_the_margin_is_the_log_odds_of_the_label(prob: float) -> None:
    margin = torch.tensor([math.log(prob / (1 - prob))], dtype=torch.float64, requires_grad=True)
    losses.preference_loss(margin, double(prob)).sum().backward()
    assert margin.grad is not None
    assert abs(margin.grad.item()) < 1e-12


@given(margins, probs)
def test_gradient_is_sigmoid_of_margin_minus_label(margin: float, prob: float) -> None:
    variable = torch.tensor([margin], dtype=torch.float64, requires_grad=True)
    losses.preference_loss(variable, double(prob)).sum().backward()
    assert variable.grad is not None
    assert variable.grad.item() == pytest.approx(1 / (1 + math.exp(-margin)) - prob, abs=1e-12)


@pytest.mark.parametrize("prob", [0.02, 0.5, 0.8, 1.0])
def test_gradients_agree_with_finite_differences(prob: float) -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(5, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    held = PairLogps(torch.randn(5, dtype=torch.float64), torch.randn(5, dtype=torch.float64))

    def dpo(chosen_B: torch.Tensor, rejected_B: torch.Tensor) -> torch.Tensor:
        ratios = PairLogps(chosen_B, rejected_B).less(held)
        return losses.preference_loss(0.7 * ratios.gap_B, torch.full_like(chosen_B, prob))

    def centred(chosen_B: torch.Tensor, rejected_B: torch.Tensor) -> torch.Tensor:
        return losses.centering_loss(chosen_B, rejected_B)

    assert torch.autograd.gradcheck(dpo, inputs)
    assert torch.autograd.gradcheck(centred, inputs)


def test_labels_are_clipped_only_where_they_are_used() -> None:
    given_B = double(0.0, 0.5, 1.0)
    assert losses.target_probs(given_B, "soft", 0.02).tolist() == pytest.approx([0.02, 0.5, 0.98])
    assert losses.target_probs(given_B, "sigmoid", 0.02).tolist() == [1.0, 1.0, 1.0]


def test_the_centering_loss_is_the_square_of_the_sum() -> None:
    assert losses.centering_loss(double(2.0), double(-0.5)).item() == pytest.approx(2.25)


@given(st.lists(st.tuples(st.floats(-8, 0), st.floats(-8, 0)), min_size=1, max_size=8))
def test_kl_terms_are_never_negative(values: list[tuple[float, float]]) -> None:
    logp, reference = (double(*column) for column in zip(*values, strict=True))
    assert (losses.kl_terms(logp, reference) >= 0).all()


def test_kl_terms_average_to_the_kl() -> None:
    torch.manual_seed(0)
    reference, policy = (torch.randn(6, dtype=torch.float64).log_softmax(0) for _ in range(2))
    # the expectation over the reference's own tokens, exactly
    estimate = (reference.exp() * losses.kl_terms(policy, reference)).sum()
    assert estimate.item() == pytest.approx((reference.exp() * (reference - policy)).sum().item())


def test_sums_by_group_by_hand() -> None:
    sums = losses.sum_by(double(1.0, 2.0, 4.0), torch.tensor([0, 1, 1]), 3)
    assert sums.tolist() == [1.0, 6.0, 0.0]
