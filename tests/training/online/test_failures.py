"""Links of failures with length and reward: against scipy, by hand, and by simulation."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import mannwhitneyu, spearmanr

from rlaif.training.online.failures import FailureLink, across_groups, within_groups

NAN = float("nan")


def drawn(seed: int, groups: int, size: int, *, slope: float) -> tuple[torch.Tensor, ...]:
    """Failures whose odds rise with length by `slope`; rewards with a level of each group; NaN where failed."""
    made = torch.Generator().manual_seed(seed)
    group_S = torch.arange(groups).repeat_interleave(size)
    length_S = torch.randint(5, 60, (groups * size,), generator=made)
    level_S = torch.randn(groups, generator=made)[group_S]
    failed_S = torch.rand(groups * size, generator=made) < torch.sigmoid(slope * (length_S - 32) - 1)
    reward_S = level_S + torch.randn(groups * size, generator=made)
    return failed_S, length_S, torch.where(failed_S, torch.full_like(reward_S, NAN), reward_S), group_S


def test_within_one_group_it_is_the_rank_test_with_ties() -> None:
    failed, read = [3.0, 5.0, 5.0, 9.0], [1.0, 2.0, 3.0, 5.0, 4.0, 2.0]
    theirs = mannwhitneyu(failed, read, method="asymptotic", use_continuity=False)
    value_S = torch.tensor(failed + read)
    failed_S = torch.tensor([True] * 4 + [False] * 6)
    link = within_groups(failed_S, value_S, torch.zeros(10, dtype=torch.long))
    assert link.p == pytest.approx(theirs.pvalue, rel=1e-12)
    assert link.effect == pytest.approx(theirs.statistic / 24 - 0.5)


def test_a_value_that_is_not_known_leaves_its_rollout_out() -> None:
    failed_S = torch.tensor([True, False, True, False])
    link = within_groups(failed_S, torch.tensor([2.0, 1.0, NAN, NAN]), torch.zeros(4, dtype=torch.long))
    # one pair, the failed one larger: 1 - 1/2, of variance 1/4
    assert (link.above, link.variance, link.scale) == (0.5, pytest.approx(0.25), 1)


def test_across_groups_it_is_spearmans_correlation() -> None:
    failed_S, _, reward_S, group_S = drawn(3, 12, 6, slope=0.0)
    link = across_groups(failed_S, reward_S, group_S)
    shares = [float(failed_S[group_S == group].double().mean()) for group in range(12)]
    means = [float(reward_S[group_S == group].double().nanmean()) for group in range(12)]
    theirs = spearmanr(shares, means).statistic
    assert link.effect == pytest.approx(theirs, rel=1e-12)
    # its variance over all orders of one beside the other is 1 / (groups - 1)
    assert link.p == pytest.approx(math.erfc(abs(theirs) * math.sqrt(11 / 2)), rel=1e-12)


def test_levels_of_prompts_are_no_link_with_length() -> None:
    # long prompts' answers fail always, short prompts' never: within a prompt length says nothing
    group_S = torch.tensor([0, 0, 1, 1])
    link = within_groups(torch.tensor([True, True, False, False]), torch.tensor([90, 80, 5, 4]), group_S)
    assert (link.effect, link.p) == (None, None)


def test_without_a_link_few_p_are_small_and_with_one_nearly_all() -> None:
    free = [
        within_groups(*drawn(seed, 20, 8, slope=0.0)[:2], drawn(seed, 20, 8, slope=0.0)[3])
        for seed in range(200)
    ]
    share = sum(each.p is not None and each.p < 0.05 for each in free) / 200
    assert 0.015 <= share <= 0.10
    tied = [
        within_groups(*drawn(seed, 20, 8, slope=0.05)[:2], drawn(seed, 20, 8, slope=0.05)[3])
        for seed in range(20)
    ]
    assert all(each.p is not None and each.p < 0.05 for each in tied)
    assert all(each.effect is not None and each.effect > 0.1 for each in tied)


def test_groups_with_low_rewards_that_fail_more_are_found() -> None:
    group_S = torch.arange(10).repeat_interleave(4)
    reward_S = group_S.double() / 10
    failed_S = torch.tensor([place % 4 < (2 if place < 20 else 1) for place in range(40)])
    link = across_groups(failed_S, torch.where(failed_S, torch.full_like(reward_S, NAN), reward_S), group_S)
    assert link.effect is not None
    assert link.effect < -0.8
    assert link.p is not None
    assert link.p < 0.02


def test_steps_add_up() -> None:
    first, second = (drawn(seed, 8, 6, slope=0.03) for seed in (0, 1))
    apart = [within_groups(each[0], each[1], each[3]) for each in (first, second)]
    together = within_groups(
        torch.cat([first[0], second[0]]),
        torch.cat([first[1], second[1]]),
        torch.cat([first[3], second[3] + 8]),
    )
    assert apart[0].plus(apart[1]) == FailureLink(
        pytest.approx(together.above), pytest.approx(together.variance), pytest.approx(together.scale)
    )


def test_nothing_is_known_of_no_rollouts_or_no_failures() -> None:
    none = torch.zeros(0, dtype=torch.long)
    assert within_groups(none.bool(), none, none) == FailureLink()
    assert across_groups(none.bool(), none.double(), none) == FailureLink()
    read = torch.zeros(4, dtype=torch.bool)
    assert within_groups(read, torch.arange(4), torch.zeros(4, dtype=torch.long)).p is None
    assert across_groups(read, torch.rand(4), torch.tensor([0, 0, 1, 1])).effect is None
