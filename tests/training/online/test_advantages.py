"""Advantages: by hand, TRL's own code on the same rewards, rules for all rewards, expectations by counting."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rlaif.training.online.advantages import (
    Advantages,
    Scale,
    decoupled,
    deviation_bias,
    gae,
    group_mean,
    leave_one_out,
    whiten,
)

NAN = float("nan")
ONE = torch.ones(1, dtype=torch.float64)
ESTIMATORS = ["rloo", "grpo", "dr", "batch", "gdpo"]


def rows(*values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def estimated(name: str, reward_KS: Tensor, weight_K: Tensor, group_S: Tensor) -> Advantages:
    if name == "rloo":
        return leave_one_out(reward_KS, weight_K, group_S)
    if name == "gdpo":
        return decoupled(reward_KS, weight_K, group_S)
    scale: dict[str, Scale] = {"grpo": "group", "dr": "none", "batch": "batch"}
    return group_mean(reward_KS, weight_K, group_S, scale=scale[name])


def one_group(name: str, *rewards: float) -> list[float]:
    found = estimated(name, rows(list(rewards)), ONE, torch.zeros(len(rewards), dtype=torch.long))
    return found.advantage_S.tolist()


# --- by hand ---


def test_leave_one_out_by_hand() -> None:
    assert one_group("rloo", 1.0, 2.0, 6.0) == pytest.approx([1 - 4, 2 - 3.5, 6 - 1.5])


def test_group_means_by_hand() -> None:
    deviation = math.sqrt((4 + 1 + 9) / 2)
    assert one_group("dr", 1.0, 2.0, 6.0) == pytest.approx([-2, -1, 3])
    assert one_group("grpo", 1.0, 2.0, 6.0) == pytest.approx(
        [each / (deviation + 1e-4) for each in (-2, -1, 3)]
    )


def test_a_failed_rollout_leaves_its_groups_mean_and_deviation() -> None:
    # of 1, 2, 6 and one failure the first three are as they are alone, scaled as in a group of four: 3/2 * 3/4
    assert one_group("rloo", 1.0, NAN, 2.0, 6.0) == pytest.approx([-3, 0, -1.5, 4.5])
    assert one_group("dr", 1.0, NAN, 2.0, 6.0) == pytest.approx([-3 * 0.75, 0, -1.5 * 0.75, 4.5 * 0.75])
    deviation = math.sqrt((4 + 1 + 9) / 2) + 1e-4
    assert one_group("grpo", 1.0, NAN, 2.0, 6.0) == pytest.approx(
        [-3 * 0.75 / deviation, 0, -1.5 * 0.75 / deviation, 4.5 * 0.75 / deviation]
    )


def test_the_figures_and_shares_count_what_was_read() -> None:
    reward_S = [1.0, NAN, 2.0, NAN, NAN, 5.0, 3.0, 3.0, 3.0]
    group_S = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2])
    found = leave_one_out(rows(reward_S), ONE, group_S)
    assert found.figures == {
        "rewards/failed": pytest.approx(3 / 9),
        "groups/skipped": 1.0,
        "frac_reward_zero_std": 0.5,
    }
    assert found.share_S.tolist() == pytest.approx([1 / 4, 0, 1 / 4, 0, 0, 0, 1 / 6, 1 / 6, 1 / 6])
    # the one reward of the second group has nothing to be compared with
    assert found.advantage_S.tolist() == pytest.approx([-1, 0, 1, 0, 0, 0, 0, 0, 0])
    assert found.spread_P.tolist()[::2] == pytest.approx([math.sqrt(0.5), 0.0])
    assert math.isnan(found.spread_P[1])
    assert found.flat_P.tolist() == [False, False, True]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_nothing_read_is_no_update_at_all(name: str) -> None:
    found = estimated(name, rows([NAN, NAN, 3.0]), ONE, torch.tensor([0, 0, 1]))
    assert found.advantage_S.tolist() == [0, 0, 0]
    assert found.share_S.tolist() == [0, 0, 0]
    assert found.figures["groups/skipped"] == 2


def test_a_failed_component_leaves_only_that_component() -> None:
    reward_KS = rows([1.0, 2.0, NAN, 6.0], [0.0, 1.0, 1.0, 0.0])
    weight_K = torch.tensor([2.0, -1.0])
    group_S = torch.zeros(4, dtype=torch.long)
    found = leave_one_out(reward_KS, weight_K, group_S)
    # the first is read by three of four: its advantages weigh 4/3 each, so that it has its whole say
    first = [-3 * 4 / 3, -1.5 * 4 / 3, 0, 4.5 * 4 / 3]
    second = [0 - 2 / 3, 1 - 1 / 3, 1 - 1 / 3, 0 - 2 / 3]
    assert found.advantage_S.tolist() == pytest.approx(
        [2 * a - b for a, b in zip(first, second, strict=True)]
    )
    assert found.share_S.tolist() == pytest.approx([0.25] * 4)
    assert found.figures["rewards/failed"] == 0


def test_decoupled_by_hand() -> None:
    # a common and a rare component, of equal weight: each group's z, summed, then standardised
    reward_KS = rows([0.0, 10.0, 0.0, 10.0], [0.0, 0.0, 1.0, 0.0])
    group_S = torch.tensor([0, 0, 1, 1])
    found = decoupled(reward_KS, torch.tensor([1.0, 1.0]), group_S)
    common = 5 / (math.sqrt(50) + 1e-4)
    rare = 0.5 / (math.sqrt(0.5) + 1e-4)
    summed = [-common, common, -common + rare, common - rare]
    deviation = math.sqrt(sum(each**2 for each in summed) / 3) + 1e-4
    assert found.advantage_S.tolist() == pytest.approx([each / deviation for each in summed])
    # where the sum's own deviation drowns the rare one: 1 of 10
    drowned = group_mean(reward_KS, torch.tensor([1.0, 1.0]), group_S, scale="group").advantage_S
    assert float(drowned[2]) < -0.7
    assert abs(float(found.advantage_S[2])) < 1e-3


# --- TRL's own code ---

SETTINGS = [
    ("grpo", {"scale_rewards": "group"}),
    ("dr", {"scale_rewards": "none"}),
    ("batch", {"scale_rewards": "batch"}),
    ("gdpo", {"multi_objective_aggregation": "normalize_then_sum"}),
]


def random_rewards(seed: int, components: int, groups: int, size: int) -> tuple[Tensor, Tensor]:
    made = torch.Generator().manual_seed(seed)
    reward_KS = torch.randn(components, groups * size, generator=made, dtype=torch.float64)
    return reward_KS, torch.arange(groups).repeat_interleave(size)


@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=[name for name, _ in SETTINGS])
def test_with_all_rewards_read_they_are_those_of_trls_grpo(name: str, settings: dict[str, str]) -> None:
    oracle = pytest.importorskip("tests.trl_oracle")
    reward_KS, group_S = random_rewards(0, 2, 5, 4)
    reward_KS[:, :4] = 0.7  # a group without spread
    weights = [1.5, -0.5]
    theirs = oracle.advantages(oracle.trl.GRPOTrainer, reward_KS.T.clone(), 4, weights=weights, **settings)
    ours = estimated(name, reward_KS, torch.tensor(weights), group_S)
    torch.testing.assert_close(ours.advantage_S, theirs, rtol=1e-5, atol=1e-8)
    assert ours.figures["frac_reward_zero_std"] == pytest.approx(1 / 5)


def test_with_all_rewards_read_they_are_those_of_trls_rloo_with_the_kl_in_the_reward() -> None:
    from rlaif.training.online.kl import k1, with_kl

    oracle = pytest.importorskip("tests.trl_oracle")
    reward_KS, group_S = random_rewards(1, 2, 3, 4)
    made = torch.Generator().manual_seed(5)
    old, held = (-torch.rand(12, 6, generator=made, dtype=torch.float64) for _ in range(2))
    mask = (torch.arange(6) < torch.randint(1, 7, (12, 1), generator=made)).long()
    branch_N = mask.nonzero()[:, 0]
    theirs = oracle.advantages(
        oracle.trl.RLOOTrainer, reward_KS.T.clone(), 4, weights=[1.0, 0.5], beta=0.3,
        old_per_token_logps=old, ref_per_token_logps=held, completion_mask=mask,
    )  # fmt: skip
    kl_N = k1(old[mask.bool()], held[mask.bool()])
    ours = leave_one_out(*with_kl(reward_KS, torch.tensor([1.0, 0.5]), kl_N, branch_N, beta=0.3), group_S)
    torch.testing.assert_close(ours.advantage_S, theirs, rtol=1e-6, atol=1e-9)


def test_with_rewards_missing_trls_rloo_is_ours_and_its_grpo_shrinks_with_the_number_read() -> None:
    oracle = pytest.importorskip("tests.trl_oracle")
    reward_KS, group_S = random_rewards(2, 1, 3, 4)
    reward_KS[0, [0, 5, 6]] = NAN  # groups with 3, 2 and 4 rewards
    rloo = oracle.advantages(oracle.trl.RLOOTrainer, reward_KS.T.clone(), 4, weights=[1.0])
    torch.testing.assert_close(
        estimated("rloo", reward_KS, ONE, group_S).advantage_S, rloo, rtol=1e-6, atol=1e-9
    )
    grpo = oracle.advantages(
        oracle.trl.GRPOTrainer, reward_KS.T.clone(), 4, weights=[1.0], scale_rewards="none"
    )
    ours = estimated("dr", reward_KS, ONE, group_S).advantage_S
    # (m - 1) / m there, (G - 1) / G here
    factor = torch.tensor([(2 / 3) / (3 / 4)] * 4 + [(1 / 2) / (3 / 4)] * 4 + [1.0] * 4)
    torch.testing.assert_close(ours * factor, grpo, rtol=1e-5, atol=1e-8)


def test_trl_counts_a_missing_component_as_zero_and_ours_leaves_it_out() -> None:
    oracle = pytest.importorskip("tests.trl_oracle")
    # three equal answers: the second component (4 everywhere) failed once
    reward_KS, group_S = rows([1.0, 1.0, 1.0], [4.0, NAN, 4.0]), torch.zeros(3, dtype=torch.long)
    theirs = oracle.advantages(oracle.trl.RLOOTrainer, reward_KS.T.clone(), 3, weights=[1.0, 1.0])
    assert theirs.tolist() == pytest.approx([2, -4, 2])
    ours = leave_one_out(reward_KS, torch.ones(2), group_S).advantage_S
    assert ours.tolist() == pytest.approx([0, 0, 0])
    # of a negative criterion the failure is rewarded
    theirs = oracle.advantages(oracle.trl.RLOOTrainer, reward_KS.T.clone(), 3, weights=[1.0, -1.0])
    assert theirs.tolist() == pytest.approx([-2, 4, -2])
    assert leave_one_out(reward_KS, torch.tensor([1.0, -1.0]), group_S).advantage_S.tolist() == pytest.approx(
        [0, 0, 0]
    )


# --- rules ---

REWARDS = st.lists(
    st.lists(st.one_of(st.floats(-5, 5, width=16), st.just(NAN)), min_size=2, max_size=5),
    min_size=1,
    max_size=4,
)
NAMES = st.sampled_from(ESTIMATORS)


def flat(groups: list[list[float]]) -> tuple[Tensor, Tensor]:
    sizes = torch.tensor([len(each) for each in groups])
    return rows([value for each in groups for value in each]), torch.arange(len(groups)).repeat_interleave(
        sizes
    )


@given(groups=REWARDS, name=NAMES, seed=st.integers(0, 99))
def test_the_order_of_rollouts_does_not_matter(groups: list[list[float]], name: str, seed: int) -> None:
    reward_KS, group_S = flat(groups)
    order = torch.randperm(len(group_S), generator=torch.Generator().manual_seed(seed))
    straight = estimated(name, reward_KS, ONE, group_S)
    mixed = estimated(name, reward_KS[:, order], ONE, group_S[order])
    torch.testing.assert_close(mixed.advantage_S, straight.advantage_S[order], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(mixed.share_S, straight.share_S[order])


@given(groups=REWARDS, name=NAMES, shift=st.floats(-100, 100, width=16))
def test_a_constant_added_to_a_groups_rewards_changes_nothing(
    groups: list[list[float]], name: str, shift: float
) -> None:
    reward_KS, group_S = flat(groups)
    moved_KS = (
        reward_KS + torch.where(group_S == 0, shift, 0.0) * (name != "batch") + shift * (name == "batch")
    )
    before = estimated(name, reward_KS, ONE, group_S).advantage_S
    after = estimated(name, moved_KS, ONE, group_S).advantage_S
    torch.testing.assert_close(after, before, rtol=1e-6, atol=1e-6)


@given(groups=REWARDS, name=NAMES)
def test_failures_are_exactly_zero_and_no_other_number_is_not_finite(
    groups: list[list[float]], name: str
) -> None:
    reward_KS, group_S = flat(groups)
    found = estimated(name, reward_KS, ONE, group_S)
    unread = reward_KS[0].isnan()
    assert found.advantage_S[unread].tolist() == [0] * int(unread.sum())
    assert found.share_S[unread].tolist() == [0] * int(unread.sum())
    assert found.advantage_S.isfinite().all()
    assert float(found.share_S.sum()) == pytest.approx(1.0 if (found.share_S > 0).any() else 0.0)


@given(groups=REWARDS, name=st.sampled_from(["rloo", "dr", "grpo"]))
def test_a_groups_advantages_sum_to_zero(groups: list[list[float]], name: str) -> None:
    reward_KS, group_S = flat(groups)
    found = estimated(name, reward_KS, ONE, group_S).advantage_S
    totals = torch.zeros(len(groups), dtype=torch.float64).index_add(0, group_S, found)
    torch.testing.assert_close(totals, torch.zeros_like(totals), rtol=0, atol=1e-9)


@given(groups=REWARDS)
def test_further_failures_change_no_leave_one_out_advantage(groups: list[list[float]]) -> None:
    reward_KS, group_S = flat(groups)
    more_KS = torch.cat([reward_KS, torch.full((1, len(groups)), NAN)], 1)
    more = leave_one_out(more_KS, ONE, torch.cat([group_S, torch.arange(len(groups))])).advantage_S
    torch.testing.assert_close(more[: len(group_S)], leave_one_out(reward_KS, ONE, group_S).advantage_S)


@given(groups=REWARDS, factor=st.floats(0.125, 8))
def test_linear_estimators_scale_with_the_reward(groups: list[list[float]], factor: float) -> None:
    reward_KS, group_S = flat(groups)
    for name in ("rloo", "dr"):
        before = estimated(name, reward_KS, ONE, group_S).advantage_S
        by_weight = estimated(name, reward_KS, ONE * factor, group_S).advantage_S
        by_reward = estimated(name, reward_KS * factor, ONE, group_S).advantage_S
        torch.testing.assert_close(by_weight, before * factor)
        torch.testing.assert_close(by_reward, before * factor)


# --- expectations by counting ---


def expected_products(name: str, rewards: list[float], size: int, failing: float) -> list[float]:
    """E[(1/m) sum_i A_i 1(y_i = y)] of uniform draws of the arms, given that m >= 2, over all draws and failures."""
    arms, total, chance = len(rewards), [0.0] * len(rewards), 0.0
    for draws in itertools.product(range(arms), repeat=size):
        for failed in itertools.product((False, True), repeat=size):
            if size - sum(failed) < 2:
                continue
            weight = math.prod(failing if each else 1 - failing for each in failed) / arms**size
            seen = [NAN if bad else rewards[arm] for arm, bad in zip(draws, failed, strict=True)]
            found = estimated(name, rows(seen), ONE, torch.zeros(size, dtype=torch.long))
            for arm, worth in zip(draws, (found.advantage_S * found.share_S).tolist(), strict=True):
                total[arm] += weight * worth
            chance += weight
    return [each / chance for each in total]


@pytest.mark.parametrize("rewards", [[1.0, 0.0], [-1.0, 0.0]], ids=["positive", "negative"])
@pytest.mark.parametrize(("name", "factor"), [("rloo", 1.0), ("dr", 2 / 3)])
def test_with_failures_by_chance_the_expectation_is_that_of_a_judge_that_never_fails(
    name: str, factor: float, rewards: list[float]
) -> None:
    mean = sum(rewards) / 2
    exact = [factor * 0.5 * (each - mean) for each in rewards]
    for failing in (0.0, 0.3, 0.7):
        assert expected_products(name, rewards, 3, failing) == pytest.approx(exact, abs=1e-12)


def test_with_a_deviation_the_expectation_is_the_one_derived_and_failures_bias_it(
    measured: Callable[[str, object], None],
) -> None:
    def derived(read: int) -> float:
        """Of two equal arms with rewards 1 and 0, k of m at 1: (m/m-1) 3/4 k/m (1 - k/m) / sd."""
        total = 0.0
        for good in range(1, read):
            deviation = math.sqrt(good * (read - good) / (read * (read - 1))) + 1e-4
            worth = read / (read - 1) * 0.75 * good / read * (1 - good / read) / deviation
            total += math.comb(read, good) / 2**read * worth
        return total

    whole, some = (expected_products("grpo", [1.0, 0.0], 4, failing) for failing in (0.0, 0.5))
    assert whole == pytest.approx([derived(4), -derived(4)])
    # half of all rewards missing: 2, 3, 4 are read in 6, 4, 1 of 11 cases
    assert some[0] == pytest.approx((6 * derived(2) + 4 * derived(3) + derived(4)) / 11)
    measured("bias of std division, G = 4, half of the rewards missing", some[0] / whole[0])
    assert some[0] / whole[0] != pytest.approx(1, abs=0.02)


def test_the_bias_of_a_small_deviation_is_that_of_the_normal_distribution() -> None:
    # c4(2) = sqrt(2 / pi), c4(3) = sqrt(pi) / 2
    assert deviation_bias(2, 3) == pytest.approx(math.sqrt(2 / math.pi) / (math.sqrt(math.pi) / 2))
    assert deviation_bias(8, 8) == 1
    drawn = torch.randn(40_000, 6, generator=torch.Generator().manual_seed(0))
    assert deviation_bias(3, 6) == pytest.approx(
        float(drawn[:, :3].std(1).mean() / drawn.std(1).mean()), abs=0.01
    )


# --- GAE and whitening ---


def test_gae_by_hand() -> None:
    # two rollouts of 3 and 1 tokens, gamma .9, lambda .5
    reward_N, value_N = (torch.tensor(each) for each in ([0.0, 0.0, 1.0, 2.0], [0.5, 0.4, 0.3, 1.0]))
    branch_N = torch.tensor([0, 0, 0, 1])
    advantage_N, return_N = gae(reward_N, value_N, branch_N, 2, gamma=0.9, lam=0.5)
    third = 1 - 0.3
    second = 0.9 * 0.3 - 0.4 + 0.45 * third
    first = 0.9 * 0.4 - 0.5 + 0.45 * second
    assert advantage_N.tolist() == pytest.approx([first, second, third, 1.0])
    assert return_N.tolist() == pytest.approx([first + 0.5, second + 0.4, 1.0, 2.0])


@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    gamma=st.floats(0.5, 1),
    lam=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_gae_is_the_sum_that_its_paper_writes(
    lengths: list[int], gamma: float, lam: float, seed: int
) -> None:
    made = torch.Generator().manual_seed(seed)
    branch_N = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    reward_N, value_N = (torch.randn(len(branch_N), generator=made, dtype=torch.float64) for _ in range(2))
    found, returns = gae(reward_N, value_N, branch_N, len(lengths), gamma=gamma, lam=lam)
    start = 0
    for length in lengths:
        value = [*value_N[start : start + length].tolist(), 0.0]
        reward = reward_N[start : start + length].tolist()
        delta = [reward[t] + gamma * value[t + 1] - value[t] for t in range(length)]
        for t in range(length):
            expected = sum((gamma * lam) ** (u - t) * delta[u] for u in range(t, length))
            assert float(found[start + t]) == pytest.approx(expected, abs=1e-9)
            assert float(returns[start + t]) == pytest.approx(expected + value[t], abs=1e-9)
        start += length


def test_with_lambda_1_the_returns_are_the_sums_of_what_follows() -> None:
    reward_N = torch.tensor([1.0, 2.0, 3.0, 4.0])
    value_N = torch.tensor([7.0, -3.0, 2.0, 9.0])
    _, return_N = gae(reward_N, value_N, torch.tensor([0, 0, 1, 1]), 2, gamma=1.0, lam=1.0)
    assert return_N.tolist() == pytest.approx([3, 2, 7, 4])


def test_a_rollout_without_a_reward_is_in_no_mean_of_tokens() -> None:
    reward_N = torch.tensor([0.0, 1.0, NAN, NAN, 3.0])
    branch_N = torch.tensor([0, 0, 1, 1, 2])
    advantage_N, return_N = gae(reward_N, torch.zeros(5), branch_N, 3, gamma=1.0, lam=1.0)
    assert advantage_N.isnan().tolist() == return_N.isnan().tolist() == [False, False, True, True, False]
    found = whiten(advantage_N, shift_mean=True)
    assert found[2:4].tolist() == [0, 0]
    assert found[[0, 1, 4]].tolist() == pytest.approx(
        whiten(advantage_N[[0, 1, 4]], shift_mean=True).tolist()
    )


def test_whitening_by_hand() -> None:
    values = torch.tensor([1.0, 3.0, 8.0])  # mean 4, variance (9 + 1 + 16) / 3
    deviation = math.sqrt(26 / 3 + 1e-8)
    assert whiten(values, shift_mean=True).tolist() == pytest.approx(
        [each / deviation for each in (-3, -1, 4)]
    )
    assert whiten(values, shift_mean=False).tolist() == pytest.approx(
        [4 + each / deviation for each in (-3, -1, 4)]
    )
    assert whiten(torch.tensor([NAN, NAN]), shift_mean=True).tolist() == [0, 0]
