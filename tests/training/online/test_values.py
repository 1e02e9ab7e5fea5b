"""The value loss and the share of the returns that values explain, by hand."""

from __future__ import annotations

import pytest
import torch

from rlaif.training.online.values import explained_variance, value_clip_share, value_terms

NAN = float("nan")


def test_the_clipped_value_loss_by_hand() -> None:
    value_N = torch.tensor([1.5, 0.1, 1.5, 1.0], requires_grad=True)
    old_N = torch.tensor([1.0, 0.0, 1.0, 1.0])
    return_N = torch.tensor([2.0, 1.0, 0.0, NAN])
    terms_N = value_terms(value_N, old_N, return_N, clip=0.2)
    # clipped to 1.2 and further from 2; within the clip; clipped to 1.2, and nearer to 0 than 1.5 is
    assert terms_N.tolist() == pytest.approx([0.8**2 / 2, 0.9**2 / 2, 1.5**2 / 2, 0])
    (gradient_N,) = torch.autograd.grad(terms_N.sum(), value_N)
    # a value that has gone far enough towards its return is not driven further
    assert gradient_N.tolist() == pytest.approx([0, -0.9, 1.5, 0])
    share = value_clip_share(value_N, old_N, return_N, torch.full((4,), 0.25), clip=0.2)
    assert float(share) == 0.25


def test_explained_variance_by_hand() -> None:
    return_N = torch.tensor([1.0, 2.0, 3.0, NAN])
    assert explained_variance(torch.tensor([1.0, 2.0, 3.0, 9.0]), return_N) == pytest.approx(1)
    assert explained_variance(torch.tensor([5.0, 5.0, 5.0, 9.0]), return_N) == pytest.approx(0)
    # differences 0, -1, -2 vary as much as the returns do
    assert explained_variance(torch.tensor([1.0, 3.0, 5.0, 9.0]), return_N) == pytest.approx(0)
    assert explained_variance(torch.tensor([3.0, 2.0, 1.0, 9.0]), return_N) == pytest.approx(-3)


def test_returns_that_do_not_vary_are_explained_by_nothing() -> None:
    assert explained_variance(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 3.0])) is None
    assert explained_variance(torch.tensor([1.0, 2.0]), torch.tensor([3.0, NAN])) is None
