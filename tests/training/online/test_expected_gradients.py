"""Expected gradients, by counting all groups that could be drawn: unbiased where it is said, else of what is said."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from rlaif.training.online.advantages import Advantages, Scale, gae, group_mean, leave_one_out
from rlaif.training.online.kl import k1, token_rewards, with_kl
from rlaif.training.online.policy_losses import (
    cispo_terms,
    clipped_terms,
    lengths,
    mean_of_means,
    mean_of_tokens,
    mismatch_weights,
    sequence_ratio,
    token_ratio,
    weighted,
    whole_ratio,
)

from .enumerated import Answers, Groups, Rows, distribution, slope

ONE = torch.ones(1, dtype=torch.float64)
TREE = Answers.of(vocabulary=3, depth=2)
LOGITS = TREE.random(0)
REFERENCE = TREE.random(1)
REWARD = torch.tensor([0.3, -0.4, 0.9, 0.1, -0.8, 0.5, 1.0], dtype=torch.float64)
NAN = float("nan")
Record = Callable[[str, object], None]


def objective(logits: Tensor, reward: Tensor = REWARD) -> Tensor:
    return -(distribution(TREE, logits) @ reward)


def plain_terms(rows: Rows, logits: Tensor, advantage_N: Tensor) -> Tensor:
    logp_N = rows.logps(logits)
    return clipped_terms(token_ratio(logp_N, logp_N), advantage_N, low=0.2, high=0.2)


def expected(
    groups: Groups,
    found: Advantages,
    weight: Callable[[Tensor, Tensor], Tensor] = lambda share_S, _: share_S,
) -> Tensor:
    """The gradient, expected over draws of a group, at the policy that draws."""
    rows = groups.rows

    def loss(logits: Tensor) -> Tensor:
        weight_S = weight(groups.shares(found.share_S, logits), rows.length_S)
        return weighted(plain_terms(rows, logits, found.advantage_S[rows.branch_N]), weight_S, rows.branch_N)

    return slope(loss, LOGITS)


class Bias(NamedTuple):
    """How far a gradient is from the exact one: its length by that one's, and the angle between them."""

    ratio: float
    degrees: float

    def __str__(self) -> str:
        return f"{self.ratio:.3f} times as long, {self.degrees:.1f} degrees off"


def apart(one: Tensor, other: Tensor) -> Bias:
    cosine = float((one * other).sum() / (one.norm() * other.norm()))
    return Bias(float(one.norm() / other.norm()), math.degrees(math.acos(min(1.0, cosine))))


def assert_equal(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
    assert float(other.norm()) > 1e-2


# --- unbiased ---


@pytest.mark.parametrize("size", [2, 3])
def test_rloo_has_the_gradient_of_the_expected_reward(size: int) -> None:
    groups = Groups.of(TREE, size)
    found = leave_one_out(REWARD[groups.rows.pick_S][None], ONE, groups.group_S)
    assert_equal(expected(groups, found), slope(objective, LOGITS))


def test_with_k1_in_the_reward_it_is_that_of_the_reward_less_the_divergence() -> None:
    groups = Groups.of(TREE, 2)
    rows = groups.rows
    kl_N = k1(rows.logps(LOGITS), rows.logps(REFERENCE))
    given = with_kl(REWARD[rows.pick_S][None], ONE, kl_N, rows.branch_N, beta=0.4)
    held = distribution(TREE, REFERENCE)

    def penalised(logits: Tensor) -> Tensor:
        own = distribution(TREE, logits)
        return objective(logits) + 0.4 * (own * (own / held).log()).sum()

    assert_equal(expected(groups, leave_one_out(*given, groups.group_S)), slope(penalised, LOGITS))


def with_failures(groups: Groups, mask: tuple[bool, ...]) -> Tensor:
    """Rewards of all groups with the same places unread."""
    missing_S = torch.tensor(mask).repeat(len(groups.rows.pick_S) // groups.size)
    reward_S = REWARD[groups.rows.pick_S]
    return torch.where(missing_S, torch.full_like(reward_S, NAN), reward_S)


def over_failures(
    estimator: Callable[[Tensor, Tensor, Tensor], Advantages], failing: float, *, zero: bool = False
) -> Tensor:
    """The expected gradient where each reward fails by itself with a chance that does not depend on it; m >= 2."""
    groups = Groups.of(TREE, 3)
    total, chance = torch.zeros_like(LOGITS), 0.0
    for mask in itertools.product((False, True), repeat=3):
        if sum(mask) > 1:
            continue
        odds = math.prod(failing if each else 1 - failing for each in mask)
        reward_S = with_failures(groups, mask)
        found = estimator((reward_S.nan_to_num(nan=0.0) if zero else reward_S)[None], ONE, groups.group_S)
        total, chance = total + odds * expected(groups, found), chance + odds
    return total / chance


@pytest.mark.parametrize("failing", [0.1, 0.6])
def test_with_failures_by_chance_rloo_has_the_gradient_of_a_judge_that_never_fails(failing: float) -> None:
    assert_equal(over_failures(leave_one_out, failing), slope(objective, LOGITS))


@pytest.mark.parametrize("failing", [0.0, 0.6])
def test_the_group_mean_has_two_thirds_of_it_in_groups_of_three_whatever_was_read(failing: float) -> None:
    found = over_failures(lambda *given: group_mean(*given, scale="none"), failing)
    assert_equal(found, 2 / 3 * slope(objective, LOGITS))


def test_scored_zero_failures_shrink_the_gradient_of_both_signs_of_a_criterion() -> None:
    found = over_failures(leave_one_out, 0.6, zero=True)
    # one of the three is 0 in 3 * .6 * .4^2 of .4^3 + 3 * .6 * .4^2 cases
    lost = 3 * 0.6 * 0.16 / (0.064 + 3 * 0.6 * 0.16) / 3
    assert_equal(found, (1 - lost) * slope(objective, LOGITS))


def test_components_that_fail_by_themselves_keep_their_whole_say() -> None:
    groups = Groups.of(TREE, 3)
    second = torch.tensor([1.0, 0.0, -0.5, 0.25, 0.0, 1.0, -1.0], dtype=torch.float64)
    weight_K = torch.tensor([1.0, -0.7], dtype=torch.float64)
    total = torch.zeros_like(LOGITS)
    masks = [mask for mask in itertools.product((False, True), repeat=3) if sum(mask) <= 1]
    for one, other in itertools.product(masks, repeat=2):
        first_S = with_failures(groups, one)
        hidden_S = with_failures(groups, other).isnan()
        second_S = second[groups.rows.pick_S]
        second_S = torch.where(hidden_S, torch.full_like(second_S, NAN), second_S)
        total += expected(groups, leave_one_out(torch.stack([first_S, second_S]), weight_K, groups.group_S))
    exact = slope(lambda logits: objective(logits, REWARD - 0.7 * second), LOGITS)
    assert_equal(total / len(masks) ** 2, exact)


def ppo(value: Tensor, lam: float, *, beta: float = 0.0) -> Tensor:
    rows = TREE.all()
    chance_S = distribution(TREE, LOGITS)
    kl_N = k1(rows.logps(LOGITS), rows.logps(REFERENCE))
    reward_N = token_rewards(REWARD, kl_N, rows.branch_N, beta=beta)
    advantage_N, _ = gae(reward_N, value[rows.state_N], rows.branch_N, len(TREE), gamma=1.0, lam=lam)
    return slope(
        lambda logits: weighted(plain_terms(rows, logits, advantage_N), chance_S, rows.branch_N),
        LOGITS,
    )


def true_values() -> Tensor:
    """Of each prefix, the expected reward of what follows."""
    chance = distribution(TREE, LOGITS)
    begins = torch.tensor(
        [[word[: len(state)] == state for word in TREE.words] for state in TREE.states]
    ).double()
    return (begins @ (chance * REWARD)) / (begins @ chance)


def test_ppo_with_lambda_1_is_unbiased_whatever_its_values() -> None:
    assert_equal(ppo(torch.tensor([5.0, -3.0, 2.0], dtype=torch.float64), 1.0), slope(objective, LOGITS))


def test_with_a_smaller_lambda_it_is_as_unbiased_as_its_values_are(measured: Record) -> None:
    assert_equal(ppo(true_values(), 0.3), slope(objective, LOGITS))
    wrong = ppo(true_values() + torch.tensor([0.0, 0.5, -0.5], dtype=torch.float64), 0.3)
    measured("GAE, lambda .3, values wrong by .5", apart(wrong, slope(objective, LOGITS)))
    # what is said of it: the value of the next prefix stands for (1 - lambda) of what follows
    bias = slope(
        lambda logits: -0.7 * (logits[0].softmax(-1)[:2] @ torch.tensor([0.5, -0.5]).double()), LOGITS
    )
    assert_equal(wrong, slope(objective, LOGITS) + bias)


def test_tokens_of_another_program_are_corrected_by_the_ratio_of_their_rollouts(
    measured: Record,
) -> None:
    groups = Groups.of(TREE, 2)
    rows, sampler = groups.rows, TREE.random(4, scale=0.5) + LOGITS
    found = leave_one_out(REWARD[rows.pick_S][None], ONE, groups.group_S)
    share_S = groups.shares(found.share_S, sampler)

    def loss(logits: Tensor, most: float) -> Tensor:
        log_ratio_S = rows.sums(rows.logps(LOGITS) - rows.logps(sampler))
        weight_S = share_S * mismatch_weights(log_ratio_S, most=most)
        return weighted(plain_terms(rows, logits, found.advantage_S[rows.branch_N]), weight_S, rows.branch_N)

    exact = slope(objective, LOGITS)
    assert_equal(slope(lambda logits: loss(logits, math.inf), LOGITS), exact)
    masked = slope(lambda logits: loss(logits, 1.5), LOGITS)
    measured("mask of ratios above 1.5", apart(masked, exact))
    assert apart(masked, exact).ratio < 0.99


# --- biased, and of what ---


def surrogate(worth: Tensor) -> Tensor:
    """Gradient of sum_y pi(y) worth(y), worth held fixed."""
    return slope(lambda logits: objective(logits, worth), LOGITS)


def worths(groups: Groups, found: Advantages) -> Tensor:
    """Of each answer, its expected advantage among others drawn beside it."""
    chance_S = groups.chances(LOGITS)
    total = torch.zeros(len(TREE), dtype=torch.float64).index_add(
        0, groups.rows.pick_S, chance_S * found.advantage_S
    )
    return total / (groups.size * distribution(TREE, LOGITS))


def test_a_mean_over_an_answers_tokens_is_the_gradient_of_its_advantage_by_its_length(
    measured: Record,
) -> None:
    groups = Groups.of(TREE, 2)
    found = leave_one_out(REWARD[groups.rows.pick_S][None], ONE, groups.group_S)
    mean = expected(groups, found, mean_of_means)
    length = torch.tensor([len(word) for word in TREE.words])
    assert_equal(mean, surrogate((REWARD - distribution(TREE, LOGITS) @ REWARD) / length))
    measured("GRPO's mean over tokens", apart(mean, slope(objective, LOGITS)))
    assert apart(mean, slope(objective, LOGITS)).degrees > 5


def test_a_mean_over_a_groups_tokens_weighs_it_by_its_length(measured: Record) -> None:
    size = 2
    total = torch.zeros_like(LOGITS)
    exact = torch.zeros_like(LOGITS)
    for picks in itertools.product(range(len(TREE)), repeat=size):
        rows = TREE.rows(torch.tensor(picks))
        group_S = torch.zeros(size, dtype=torch.long)
        found = leave_one_out(REWARD[list(picks)][None], ONE, group_S)
        chance = math.prod(float(distribution(TREE, LOGITS)[each]) for each in picks)
        weight_S = mean_of_tokens(found.share_S, lengths(rows.branch_N, size)).double()
        advantage_N = found.advantage_S[rows.branch_N]
        total += chance * slope(
            lambda logits, r=rows, a=advantage_N, w=weight_S: weighted(
                plain_terms(r, logits, a), w, r.branch_N
            ),
            LOGITS,
        )
        tokens = sum(len(TREE.words[each]) for each in picks)
        one, other = picks
        for own, held in ((one, other), (other, one)):
            worth = float(REWARD[own] - REWARD[held]) / tokens
            exact -= chance * worth * slope(lambda logits, y=own: distribution(TREE, logits)[y].log(), LOGITS)
    assert_equal(total, exact)
    measured("DAPO's mean over tokens", apart(total, slope(objective, LOGITS)))


@pytest.mark.parametrize("scale", ["group", "batch"])
def test_division_by_a_deviation_is_the_gradient_of_the_advantages_it_makes(
    scale: Scale, measured: Record
) -> None:
    groups = Groups.of(TREE, 3)
    found = group_mean(REWARD[groups.rows.pick_S][None], ONE, groups.group_S, scale=scale)
    divided = expected(groups, found)
    assert_equal(divided, surrogate(worths(groups, found)))
    bias = apart(divided, slope(objective, LOGITS))
    measured(f"division by the deviation of the {scale}", bias)
    # one number for all groups turns nothing
    assert (bias.degrees > 2) == (scale == "group")


def test_the_clip_is_the_gradient_of_what_it_leaves(measured: Record) -> None:
    """Drawn by an older policy; by hand: A pi / pi_old where it is not clipped, and nothing elsewhere."""
    rows, older = TREE.all(), LOGITS + TREE.random(9, scale=0.4)
    chance_S = distribution(TREE, older)
    advantage_S = REWARD - chance_S @ REWARD

    def loss(logits: Tensor, *, low: float, high: float, whole: bool) -> Tensor:
        logp_N, old_N = rows.logps(logits), rows.logps(older)
        ratio_N = (
            whole_ratio(logp_N, old_N, rows.branch_N, len(TREE)) if whole else token_ratio(logp_N, old_N)
        )
        terms_N = clipped_terms(ratio_N, advantage_S[rows.branch_N], low=low, high=high)
        weight_S = mean_of_means(chance_S, rows.length_S) if whole else chance_S
        return weighted(terms_N, weight_S, rows.branch_N)

    exact = slope(objective, LOGITS)
    free = slope(lambda logits: loss(logits, low=1.0, high=math.inf, whole=True), LOGITS)
    assert_equal(free, exact)  # the whole answer's ratio without a clip is unbiased
    found = slope(lambda logits: loss(logits, low=0.2, high=0.28, whole=True), LOGITS)
    by_hand = torch.zeros_like(LOGITS)
    now = distribution(TREE, LOGITS)
    for place, worth in enumerate(advantage_S.tolist()):
        ratio = float(now[place] / chance_S[place])
        if (worth > 0 and ratio > 1.28) or (worth < 0 and ratio < 0.8):
            continue
        by_hand -= worth * slope(lambda logits, y=place: distribution(TREE, logits)[y], LOGITS)
    assert_equal(found, by_hand)
    measured("clip at .2/.28, whole answers", apart(found, exact))
    tokens = slope(lambda logits: loss(logits, low=1.0, high=math.inf, whole=False), LOGITS)
    measured("tokens' own ratios, no clip", apart(tokens, exact))
    assert apart(found, exact).degrees > 1
    assert apart(tokens, exact).degrees > 1


def test_cispo_without_its_bound_is_the_token_ratios_gradient_and_gspos_is_its_mean(
    measured: Record,
) -> None:
    rows, older = TREE.all(), LOGITS + TREE.random(9, scale=0.4)
    chance_S = distribution(TREE, older)
    advantage_N = (REWARD - chance_S @ REWARD)[rows.branch_N]
    old_N = rows.logps(older)

    def cispo(logits: Tensor, most: float) -> Tensor:
        logp_N = rows.logps(logits)
        terms_N = cispo_terms(token_ratio(logp_N, old_N), advantage_N, logp_N, most=most)
        return weighted(terms_N, chance_S, rows.branch_N)

    def tokens(logits: Tensor) -> Tensor:
        return -(chance_S[rows.branch_N] * advantage_N * (rows.logps(logits) - old_N).exp()).sum()

    assert_equal(slope(lambda logits: cispo(logits, math.inf), LOGITS), slope(tokens, LOGITS))
    measured("CISPO at 1.2", apart(slope(lambda logits: cispo(logits, 1.2), LOGITS), slope(tokens, LOGITS)))

    def gspo(logits: Tensor) -> Tensor:
        ratio_N = sequence_ratio(rows.logps(logits), old_N, rows.branch_N, len(TREE))
        terms_N = clipped_terms(ratio_N, advantage_N, low=1.0, high=math.inf)
        return weighted(terms_N, mean_of_means(chance_S, rows.length_S), rows.branch_N)

    def geometric(logits: Tensor) -> Tensor:
        length = torch.tensor([len(word) for word in TREE.words])
        ratio_S = (distribution(TREE, logits) / chance_S) ** (1 / length)
        return -(chance_S * (REWARD - chance_S @ REWARD) * ratio_S).sum()

    assert_equal(slope(gspo, LOGITS), slope(geometric, LOGITS))
    measured("GSPO's ratio, no clip", apart(slope(gspo, LOGITS), slope(objective, LOGITS)))


# --- failures that depend on the answer ---


@pytest.mark.parametrize(("sign", "name"), [(1.0, "positive"), (-1.0, "negative")])
def test_an_answer_that_no_judge_can_read_is_neither_rewarded_nor_punished(sign: float, name: str) -> None:
    """Three arms: right, wrong, unreadable. A criterion is worth +1 where met, or -1 where violated."""
    arms = Answers.of(vocabulary=3, depth=1)
    met = torch.tensor([1.0, 0.0, NAN]) if sign > 0 else torch.tensor([0.0, -1.0, NAN])
    groups = Groups.of(arms, 3)
    rows, logits = groups.rows, torch.zeros(1, 3, dtype=torch.float64)

    def step(reward_S: Tensor) -> Tensor:
        found = leave_one_out(reward_S[None], ONE, groups.group_S)
        share_S = groups.shares(found.share_S, logits)
        advantage_N = found.advantage_S[rows.branch_N]
        return -slope(
            lambda held: weighted(plain_terms(rows, held, advantage_N), share_S, rows.branch_N),
            logits,
        )[0]

    ours = step(met[rows.pick_S].double())
    assert float(ours[0]) > 0 > float(ours[1])
    assert abs(float(ours[2])) < 1e-12
    scored_zero = step(met.nan_to_num(nan=0.0)[rows.pick_S].double())
    # as good as meeting a negative criterion, as bad as not meeting a positive one
    assert (float(scored_zero[2]) > 0.05) == (name == "negative")
    assert (float(scored_zero[2]) < -0.05) == (name == "positive")
