"""What is imitated: by hand, and that the exact update never lowers the expected reward."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rlaif.training.online.selection import above, best_of_group, by_reward

NAN = float("nan")
ARMS = 4
REWARDS = st.lists(st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0]), min_size=ARMS, max_size=ARMS)
BINARY = st.lists(st.sampled_from([0.0, 1.0]), min_size=ARMS, max_size=ARMS)
ODDS = st.lists(st.floats(0.05, 5.0), min_size=ARMS, max_size=ARMS)


def policy(odds: list[float]) -> Tensor:
    return torch.tensor(odds, dtype=torch.float64) / sum(odds)


def imitated(chance_D: Tensor, weight_DG: Tensor, arm_DG: Tensor) -> Tensor | None:
    """The policy of least weighted negative log-likelihood: what was drawn, by its weight. None of no weight."""
    mass = torch.zeros(ARMS, dtype=torch.float64)
    mass.index_add_(0, arm_DG.flatten(), (chance_D[:, None] * weight_DG).flatten())
    return mass / mass.sum() if float(mass.sum()) > 0 else None


def groups_of(own: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """All groups that could be drawn: the chance of each, and its arms."""
    arm_DG = torch.tensor(list(itertools.product(range(ARMS), repeat=size)))
    return own[arm_DG].prod(1), arm_DG


def assert_no_lower(own: Tensor, after: Tensor | None, reward: Tensor) -> None:
    if after is not None:
        assert float(after @ reward) >= float(own @ reward) - 1e-12


def test_the_best_of_each_group_by_hand() -> None:
    reward_S = torch.tensor([1.0, 3.0, NAN, 2.0, 2.0, 1.0, NAN])
    group_S = torch.tensor([0, 0, 0, 1, 1, 1, 2])
    assert best_of_group(reward_S, group_S).tolist() == [0, 1, 0, 0.5, 0.5, 0, 0]
    # a failure is no 0: of negative rewards the best that was read is taken
    assert best_of_group(torch.tensor([-3.0, NAN, -1.0]), torch.tensor([0, 0, 0])).tolist() == [0, 0, 1]


def test_the_threshold_is_exclusive_and_a_failure_is_below_it() -> None:
    assert above(torch.tensor([0.7, 0.8, NAN, 1.0]), 0.7).tolist() == [0, 1, 0, 1]
    assert above(torch.tensor([-1.0, NAN]), -2.0).tolist() == [1, 0]


def test_the_reward_is_the_weight_of_so_many_of_a_group() -> None:
    reward_S = torch.tensor([1.0, 0.0, 1.0, 1.0, NAN, 1.0, -2.0])
    group_S = torch.tensor([0, 0, 0, 0, 0, 1, 1])
    assert by_reward(reward_S, group_S, most=2).tolist() == [1, 0, 1, 0, 0, 1, 0]


@given(odds=ODDS, rewards=REWARDS, size=st.integers(1, 4))
def test_an_exact_raft_update_never_lowers_the_expected_reward(
    odds: list[float], rewards: list[float], size: int
) -> None:
    own, reward = policy(odds), torch.tensor(rewards, dtype=torch.float64)
    chance_D, arm_DG = groups_of(own, size)
    group_DG = torch.arange(len(arm_DG))[:, None].expand_as(arm_DG)
    weight_DG = best_of_group(reward[arm_DG].flatten(), group_DG.flatten()).view_as(arm_DG)
    after = imitated(chance_D, weight_DG, arm_DG)
    assert_no_lower(own, after, reward)
    # it is best-of-n: P(at most r) = P_own(at most r)^n
    assert after is not None
    for level in rewards:
        assert float(after[reward <= level].sum()) == pytest.approx(float(own[reward <= level].sum()) ** size)


@given(odds=ODDS, rewards=REWARDS, first=st.floats(-2, 3), further=st.floats(0, 2))
def test_an_exact_rest_step_never_lowers_the_expected_reward_and_a_higher_threshold_neither(
    odds: list[float], rewards: list[float], first: float, further: float
) -> None:
    own, reward = policy(odds), torch.tensor(rewards, dtype=torch.float64)
    arm_DG = torch.arange(ARMS)[:, None]
    after = imitated(own, above(reward, first)[:, None], arm_DG)
    assert_no_lower(own, after, reward)
    later = imitated(own, above(reward, first + further)[:, None], arm_DG)
    if after is not None:
        assert_no_lower(after, later, reward)


@given(odds=ODDS, older=ODDS, rewards=REWARDS, share=st.floats(0, 1))
def test_with_older_data_a_rest_step_never_lowers_it_above_the_policys_own_expectation(
    odds: list[float], older: list[float], rewards: list[float], share: float
) -> None:
    own, reward = policy(odds), torch.tensor(rewards, dtype=torch.float64)
    mixed = share * own + (1 - share) * policy(older)
    weight_S = above(reward, float(own @ reward))
    assert_no_lower(own, imitated(mixed, weight_S[:, None], torch.arange(ARMS)[:, None]), reward)


def test_with_older_data_and_a_low_threshold_a_rest_step_can_lower_it() -> None:
    own, older = policy([1e-9, 1.0, 1e-9, 9.0]), policy([1.0, 9.0, 1e-9, 1e-9])
    reward = torch.tensor([-1.0, 0.5, 0.0, 1.0], dtype=torch.float64)
    after = imitated((own + older) / 2, above(reward, 0.0)[:, None], torch.arange(ARMS)[:, None])
    assert after is not None
    assert float(after @ reward) < float(own @ reward)


@given(odds=ODDS, rewards=BINARY, size=st.integers(1, 4), most=st.integers(1, 4))
def test_an_exact_rest_em_step_never_lowers_the_expected_reward(
    odds: list[float], rewards: list[float], size: int, most: int
) -> None:
    own, reward = policy(odds), torch.tensor(rewards, dtype=torch.float64)
    chance_D, arm_DG = groups_of(own, size)
    group_DG = torch.arange(len(arm_DG))[:, None].expand_as(arm_DG)
    weight_DG = by_reward(reward[arm_DG].flatten(), group_DG.flatten(), most=most).view_as(arm_DG)
    after = imitated(chance_D, weight_DG, arm_DG)
    assert_no_lower(own, after, reward)
    if after is not None:
        # the policy given that it is right, however many of a group are kept
        torch.testing.assert_close(after, own * reward / (own @ reward))


@given(odds=ODDS, rewards=st.lists(st.floats(0, 5), min_size=ARMS, max_size=ARMS))
def test_weights_of_graded_rewards_raise_the_expectation_by_its_variance(
    odds: list[float], rewards: list[float]
) -> None:
    own, reward = policy(odds), torch.tensor(rewards, dtype=torch.float64)
    after = imitated(own, by_reward(reward, torch.arange(ARMS), most=1)[:, None], torch.arange(ARMS)[:, None])
    if after is not None and (mean := float(own @ reward)) > 1e-3:
        variance = float(own @ reward**2) - mean**2
        assert math.isclose(float(after @ reward) - mean, variance / mean, rel_tol=1e-6, abs_tol=1e-9)
