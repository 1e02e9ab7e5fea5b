"""KL estimators, KL in the reward, and what is done to scores: by hand and by counting."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rlaif.training.online.kl import (
    RunningScale,
    adapted,
    bounded,
    k1,
    k2,
    k3,
    k3_corrected,
    token_rewards,
    with_kl,
)

NAN = float("nan")


def policies(seed: int = 0, actions: int = 5) -> tuple[Tensor, Tensor]:
    """Logits of a policy and log-probabilities of its reference."""
    made = torch.Generator().manual_seed(seed)
    own, held = (torch.randn(actions, generator=made, dtype=torch.float64) for _ in range(2))
    return own.requires_grad_(), held.log_softmax(0)


def divergence(one: Tensor, other: Tensor) -> Tensor:
    return (one.exp() * (one - other)).sum()


def test_the_estimators_by_hand() -> None:
    logp, held = torch.tensor([math.log(0.5)]), torch.tensor([math.log(0.25)])
    assert float(k1(logp, held)) == pytest.approx(math.log(2))
    assert float(k2(logp, held)) == pytest.approx(math.log(2) ** 2 / 2)
    assert float(k3(logp, held)) == pytest.approx(0.5 - 1 + math.log(2))
    assert float(k3_corrected(logp, held, torch.tensor([math.log(3)]))) == pytest.approx(
        3 * (math.log(2) - 0.5)
    )


def test_k1_and_k3_have_the_divergence_as_mean_and_k2_has_not() -> None:
    own, held = policies()
    logp = own.log_softmax(0).detach()
    exact = float(divergence(logp, held))
    assert float(logp.exp() @ k1(logp, held)) == pytest.approx(exact, abs=1e-12)
    assert float(logp.exp() @ k3(logp, held)) == pytest.approx(exact, abs=1e-12)
    assert abs(float(logp.exp() @ k2(logp, held)) - exact) > 0.01
    assert float(k3(logp, held).min()) >= 0 > float(k1(logp, held).min())


def test_as_losses_their_gradients_are_those_that_the_module_says() -> None:
    own, held = policies()
    logp = own.log_softmax(0)
    drawn = logp.exp().detach()

    def slope(value: Tensor) -> Tensor:
        return torch.autograd.grad(value, own, retain_graph=True)[0]

    reverse, forward = slope(divergence(logp, held)), slope(divergence(held, logp))
    torch.testing.assert_close(slope(drawn @ k1(logp, held)), torch.zeros_like(own), rtol=0, atol=1e-12)
    torch.testing.assert_close(slope(drawn @ k2(logp, held)), reverse)
    torch.testing.assert_close(slope(drawn @ k3(logp, held)), forward)
    assert float((forward - reverse).norm()) > 0.1 * float(reverse.norm())
    torch.testing.assert_close(slope(drawn @ k3_corrected(logp, held, logp - logp.detach())), reverse)
    # in the reward: k1 as a number that the policy gradient lowers
    torch.testing.assert_close(slope(drawn @ (k1(logp, held).detach() * logp)), reverse)


def test_the_corrected_estimator_is_unbiased_on_tokens_of_an_older_policy() -> None:
    own, held = policies()
    older = policies(7)[0].log_softmax(0).detach()
    logp = own.log_softmax(0)
    corrected = older.exp() @ k3_corrected(logp, held, logp - older)
    exact = divergence(logp, held)
    torch.testing.assert_close(corrected, exact)
    torch.testing.assert_close(
        torch.autograd.grad(corrected, own, retain_graph=True), torch.autograd.grad(exact, own)
    )


def test_ppos_rewards_are_the_penalty_per_token_and_the_score_at_the_end() -> None:
    kl_N, branch_N = torch.tensor([1.0, -2.0, 3.0, 4.0]), torch.tensor([0, 0, 1, 2])
    found = token_rewards(torch.tensor([5.0, NAN, 7.0]), kl_N, branch_N, beta=0.1)
    assert found[[0, 1, 3]].tolist() == pytest.approx([-0.1, 5 + 0.2, 7 - 0.4])
    # without a score there is no penalty either: it would say that nothing is better than anything
    assert found[2].isnan()


def test_rloos_reward_has_the_divergence_of_the_whole_answer() -> None:
    reward_KS, weight_K = with_kl(
        torch.tensor([[5.0, NAN, 7.0], [1.0, NAN, NAN]]),
        torch.tensor([1.0, 2.0]),
        torch.tensor([1.0, -2.0, 3.0, 4.0]),
        torch.tensor([0, 0, 1, 2]),
        beta=0.1,
    )
    assert weight_K.tolist() == pytest.approx([1, 2, -0.1])
    assert reward_KS[2, [0, 2]].tolist() == [-1, 4]
    assert reward_KS[2, 1].isnan()  # nothing of it was read


def test_the_adaptive_coefficient_by_hand() -> None:
    # 12 nats at a target of 6: error 1, clipped to .2
    assert adapted(0.2, 12.0, target=6.0, episodes=256, horizon=10_000) == pytest.approx(
        0.2 * (1 + 0.2 * 0.0256)
    )
    assert adapted(0.2, 5.4, target=6.0, episodes=256, horizon=10_000) == pytest.approx(
        0.2 * (1 - 0.1 * 0.0256)
    )
    assert adapted(0.2, 0.0, target=6.0, episodes=256, horizon=10_000) == pytest.approx(
        0.2 * (1 - 0.2 * 0.0256)
    )
    assert adapted(0.2, 6.0, target=6.0, episodes=256, horizon=10_000) == 0.2


def test_the_adaptive_coefficient_brings_the_divergence_to_its_target() -> None:
    # of the policy that beta itself leads to: rewards r over pi_ref exp(r / beta)
    _, held = policies()
    reward = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    beta = 1.0
    for _ in range(4000):
        beta = adapted(beta, kl := float(divergence((held + reward / beta).log_softmax(0), held)), target=0.3,
                       episodes=100, horizon=10_000)  # fmt: skip
    assert kl == pytest.approx(0.3, rel=0.01)


def test_bounded_scores_keep_what_was_not_read() -> None:
    found = bounded(torch.tensor([9.0, -7.0, 2.0, NAN]), most=5.0)
    assert found[:3].tolist() == [5, -5, 2]
    assert found[3].isnan()


SCORES = st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(NAN)), max_size=12)


@given(steps=st.lists(SCORES, max_size=5))
def test_the_running_scale_is_that_of_all_scores_at_once(steps: list[list[float]]) -> None:
    scale = RunningScale()
    for step in steps:
        scale = scale.after(torch.tensor(step, dtype=torch.float64))
    read = torch.tensor([each for step in steps for each in step if each == each], dtype=torch.float64)
    assert scale.count == len(read)
    if len(read) > 1:
        assert scale.mean == pytest.approx(float(read.mean()), rel=1e-9, abs=1e-9)
        if float(read.std()) > 1e-6:
            assert scale.deviation == pytest.approx(float(read.std()), rel=1e-6)


def test_scaled_scores_by_hand() -> None:
    scale = RunningScale().after(torch.tensor([1.0, 3.0, NAN]))
    assert (scale.count, scale.mean, scale.deviation) == (2, 2.0, pytest.approx(math.sqrt(2)))
    found = scale.scaled(torch.tensor([3.0, NAN]), shift_mean=True)
    assert float(found[0]) == pytest.approx(1 / math.sqrt(2))
    assert found[1].isnan()
    assert float(scale.scaled(torch.tensor([3.0]), shift_mean=False)) == pytest.approx(3 / math.sqrt(2))
    # nothing to scale by yet, or no deviation at all
    assert RunningScale().scaled(torch.tensor([3.0]), shift_mean=True).tolist() == [3]
    assert RunningScale().after(torch.tensor([2.0, 2.0])).deviation == 1
