"""Where training ends: known optima and fixed points, reached by exact expected updates of listed policies."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rlaif.training.losses import preference_loss
from rlaif.training.online.advantages import Advantages, Scale, gae, group_mean, leave_one_out
from rlaif.training.online.kl import k1, loss_terms, token_rewards, with_kl
from rlaif.training.online.policy_losses import (
    clipped_terms,
    mean_of_means,
    sum_by_constant,
    token_ratio,
    weighted,
    whole_ratio,
)
from rlaif.training.online.values import explained_variance, value_terms

from .enumerated import Answers, Groups, Loss, descended, distribution, slope, total_variation

ONE = torch.ones(1, dtype=torch.float64)
TREE = Answers.of(vocabulary=3, depth=3)
ARMS = Answers.of(vocabulary=4, depth=1)
BETA = 0.5


def rewards(answers: Answers, seed: int = 11) -> Tensor:
    return (
        torch.rand(len(answers), generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1
    )


def gibbs(answers: Answers, reference: Tensor, reward: Tensor, beta: float) -> Tensor:
    """pi_ref exp(r / beta) / Z."""
    return (distribution(answers, reference).log() + reward / beta).softmax(0)


Estimator = Callable[[Tensor, Tensor, Tensor], Advantages]


def mean_of(scale: Scale) -> Estimator:
    return lambda reward_KS, weight_K, group_S: group_mean(reward_KS, weight_K, group_S, scale=scale)


def with_kl_in_the_reward(
    answers: Answers,
    reference: Tensor,
    reward: Tensor,
    estimator: Estimator,
    *,
    size: int,
    whole: bool = False,
) -> Loss:
    """RLOO's or Dr. GRPO's loss, expected over all groups, k1 in the reward."""
    groups = Groups.of(answers, size)
    rows = groups.rows

    def loss(logits: Tensor) -> Tensor:
        logp_N = rows.logps(logits)
        old_N = logp_N.detach()
        kl_N = k1(old_N, rows.logps(reference))
        given = with_kl(reward[rows.pick_S][None], ONE, kl_N, rows.branch_N, beta=BETA)
        found = estimator(*given, groups.group_S)
        share_S = groups.shares(found.share_S, logits)
        if whole:
            ratio_N = whole_ratio(logp_N, old_N, rows.branch_N, len(rows.pick_S))
            weight_S = mean_of_means(share_S, rows.length_S)
        else:
            ratio_N, weight_S = token_ratio(logp_N, old_N), sum_by_constant(share_S, 3)
        terms_N = clipped_terms(ratio_N, found.advantage_S[rows.branch_N], low=0.2, high=0.2)
        return weighted(terms_N, weight_S, rows.branch_N)

    return loss


def with_kl_in_the_loss(
    answers: Answers,
    reference: Tensor,
    reward: Tensor,
    scale: Scale,
    *,
    size: int,
    beta: float,
    kind: str = "k3",
) -> Loss:
    """Dr. GRPO's or (by the deviation) GRPO's loss, expected over all groups, k3 in it."""
    groups = Groups.of(answers, size)
    rows = groups.rows

    def loss(logits: Tensor) -> Tensor:
        logp_N, held_N = rows.logps(logits), rows.logps(reference)
        ratio_N = token_ratio(logp_N, logp_N)
        found = group_mean(reward[rows.pick_S][None], ONE, groups.group_S, scale=scale)
        weight_S = groups.shares(found.share_S, logits)
        terms_N = clipped_terms(ratio_N, found.advantage_S[rows.branch_N], low=0.2, high=0.2)
        kl_N = loss_terms(kind, logp_N, held_N, ratio_N)
        return weighted(terms_N + beta * kl_N, weight_S, rows.branch_N)

    return loss


# --- the optimum of the reward less the divergence ---


@pytest.mark.parametrize(
    ("estimator", "whole"),
    [(leave_one_out, True), (leave_one_out, False), (mean_of("none"), False)],
    ids=["RLOO, an answer an action", "RLOO, a token an action", "Dr. GRPO"],
)
def test_with_k1_in_the_reward_group_methods_reach_the_tilted_reference(
    estimator: Estimator, whole: bool
) -> None:
    reference, reward = TREE.random(0), rewards(TREE)
    optimum = gibbs(TREE, reference, reward, BETA)
    assert total_variation(distribution(TREE, reference), optimum) > 0.2
    loss = with_kl_in_the_reward(TREE, reference, reward, estimator, size=2, whole=whole)
    found = descended(loss, reference, steps=120, rate=0.2)
    assert total_variation(distribution(TREE, found), optimum) < 0.01
    assert float(slope(loss, found).abs().max()) < 1e-3


def test_ppo_with_lambda_1_reaches_the_tilted_reference_and_its_values_the_returns() -> None:
    reference, reward, rows = TREE.random(0), rewards(TREE), TREE.all()
    optimum = gibbs(TREE, reference, reward, BETA)
    logits = reference.clone().requires_grad_()
    value = torch.zeros(len(TREE.states), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([logits, value], lr=0.2)
    steps = 150
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.2 * (1 - step / steps)
        old_N, chance_S = rows.logps(logits).detach(), distribution(TREE, logits).detach()
        held_N, old_value_N = rows.logps(reference), value.detach()[rows.state_N]
        reward_N = token_rewards(reward, k1(old_N, held_N), rows.branch_N, beta=BETA)
        advantage_N, return_N = gae(reward_N, old_value_N, rows.branch_N, len(TREE), gamma=1.0, lam=1.0)
        for _ in range(2):  # the second pass is off the policy that drew
            ratio_N = token_ratio(rows.logps(logits), old_N)
            terms_N = clipped_terms(ratio_N, advantage_N, low=0.2, high=0.2)
            values_N = value_terms(value[rows.state_N], old_value_N, return_N, clip=0.2)
            optimizer.zero_grad()
            weighted(terms_N + values_N, chance_S, rows.branch_N).backward()
            optimizer.step()
    assert total_variation(distribution(TREE, logits.detach()), optimum) < 0.01
    # at the optimum every answer is worth log Z: what is left of the returns is what the values are
    partition = float((distribution(TREE, reference).log() + reward / BETA).logsumexp(0)) * BETA
    assert float(value.detach()[0]) == pytest.approx(partition, abs=0.01)
    assert (explained_variance(value[rows.state_N], return_N) or 0) > 0.95


def test_online_dpo_with_bradley_terry_labels_reaches_the_tilted_reference() -> None:
    reference, reward = TREE.random(0), rewards(TREE)
    rows = TREE.all()
    held_S = rows.sums(rows.logps(reference))
    label_SS = torch.sigmoid(reward[:, None] - reward)

    def loss(logits: Tensor) -> Tensor:
        ratio_S = rows.sums(rows.logps(logits)) - held_S
        chance_S = distribution(TREE, logits).detach()
        margin_SS = BETA * (ratio_S[:, None] - ratio_S)
        return (chance_S[:, None] * chance_S * preference_loss(margin_SS, label_SS)).sum()

    found = descended(loss, reference, steps=150, rate=0.2)
    assert total_variation(distribution(TREE, found), gibbs(TREE, reference, reward, BETA)) < 0.01


# --- fixed points of their own ---


def tilted(reference: list[float], worth: list[float], beta: float) -> list[float]:
    """pi_ref / (1 - A / beta) with A = worth - V, V the level at which it sums to 1: found by halving."""
    low, high = max(worth) - beta, max(worth) + beta
    for _ in range(200):
        level = (low + high) / 2
        total = sum(p / (1 - (q - level) / beta) for p, q in zip(reference, worth, strict=True))
        low, high = (level, high) if not 0 < total <= 1 else (low, level)
    found = [p / (1 - (q - high) / beta) for p, q in zip(reference, worth, strict=True)]
    # the level is the expected worth: A is an advantage
    assert high == pytest.approx(sum(p * q for p, q in zip(found, worth, strict=True)), abs=1e-9)
    return found


def test_k3_in_the_loss_ends_at_the_reference_by_one_less_the_advantage() -> None:
    """Backward over prefixes: pi(a|s) = pi_ref(a|s) / (1 - (Q(s, a) - V(s)) / beta)."""
    reference, reward, beta, size = TREE.random(0), rewards(TREE), 0.7, 2
    held = reference.softmax(-1).tolist()
    factor = (size - 1) / size  # of a mean that holds the answer itself
    policy: dict[tuple[int, ...], list[float]] = {}
    worth: dict[tuple[int, ...], float] = dict(zip(TREE.words, (factor * reward).tolist(), strict=True))
    for state in reversed(TREE.states):
        below = [worth[(*state, token)] for token in range(TREE.vocabulary)]
        policy[state] = tilted(held[TREE.states.index(state)], below, beta)
        worth[state] = sum(p * q for p, q in zip(policy[state], below, strict=True))
    expected = torch.tensor([policy[state] for state in TREE.states], dtype=torch.float64)
    loss = with_kl_in_the_loss(TREE, reference, reward, "none", size=size, beta=beta)
    assert float(slope(loss, expected.log()).abs().max()) < 1e-9
    found = descended(loss, reference, steps=120, rate=0.2)
    assert total_variation(distribution(TREE, found), distribution(TREE, expected.log())) < 0.01
    # which is not where k1 in the reward ends
    assert (
        total_variation(distribution(TREE, expected.log()), gibbs(TREE, reference, reward, beta / factor))
        > 0.01
    )


@pytest.mark.parametrize("kind", ["k2", "k3-corrected"])
def test_k2_and_the_corrected_k3_end_at_the_tilted_reference_where_an_answer_is_one_token(kind: str) -> None:
    reference, reward = ARMS.random(2), rewards(ARMS)
    loss = with_kl_in_the_loss(ARMS, reference, reward, "none", size=2, beta=BETA, kind=kind)
    found = descended(loss, reference, steps=120, rate=0.2)
    assert total_variation(distribution(ARMS, found), gibbs(ARMS, reference, reward, 2 * BETA)) < 0.01
    assert total_variation(distribution(ARMS, reference), gibbs(ARMS, reference, reward, 2 * BETA)) > 0.1


def by_deviation(policy: list[float], reward: list[float], size: int) -> list[float]:
    """E[(r - mean) / (sd + 1e-4)] of each arm, over all that could be drawn beside it."""
    found = []
    for own in reward:
        total = 0.0
        for others in itertools.product(range(len(policy)), repeat=size - 1):
            drawn = [own, *(reward[each] for each in others)]
            mean = sum(drawn) / size
            deviation = math.sqrt(sum((each - mean) ** 2 for each in drawn) / (size - 1))
            total += math.prod(policy[each] for each in others) * (own - mean) / (deviation + 1e-4)
        found.append(total)
    return found


def test_division_by_the_deviation_ends_at_a_fixed_point_of_its_own() -> None:
    reference, beta, size = ARMS.random(2), 2.5, 3
    reward = torch.tensor([0.0, 0.1, 0.9, 1.0], dtype=torch.float64)
    held = reference[0].softmax(-1).tolist()
    policy = held
    for _ in range(200):
        policy = tilted(held, by_deviation(policy, reward.tolist(), size), beta)
    expected = torch.tensor(policy, dtype=torch.float64)
    loss = with_kl_in_the_loss(ARMS, reference, reward, "group", size=size, beta=beta)
    assert float(slope(loss, expected.log()[None]).abs().max()) < 1e-9
    found = descended(loss, reference, steps=120, rate=0.2)
    assert total_variation(distribution(ARMS, found), expected) < 0.01
    plain = torch.tensor(tilted(held, (reward * (size - 1) / size).tolist(), beta), dtype=torch.float64)
    assert total_variation(expected, plain) > 0.02


def test_two_of_two_rewards_have_a_deviation_that_makes_all_differences_the_same() -> None:
    """G = 2, rewards 1 and 0: A is (1 - p) / sqrt 2 and -p / sqrt 2, so p (1 - (1 - p) / (beta sqrt 2)) = p_ref."""
    bandit, beta, held = Answers.of(vocabulary=2, depth=1), 1.5, 0.3
    reference = torch.tensor([[held, 1 - held]], dtype=torch.float64).log()
    reward = torch.tensor([1.0, 0.0], dtype=torch.float64)
    slant = 1 / (beta * math.sqrt(2))
    expected = (-(1 - slant) + math.sqrt((1 - slant) ** 2 + 4 * slant * held)) / (2 * slant)
    for scaled in (1.0, 0.01):  # whatever the rewards' size
        loss = with_kl_in_the_loss(bandit, reference, reward * scaled, "group", size=2, beta=beta)
        found = descended(loss, reference, steps=120, rate=0.2)
        assert float(distribution(bandit, found)[0]) == pytest.approx(expected, abs=0.01)


# --- problems whose best answer is known ---


@pytest.mark.parametrize(
    "estimator", [leave_one_out, mean_of("none"), mean_of("group")], ids=["RLOO", "Dr", "GRPO"]
)
def test_a_two_armed_bandit_is_solved(estimator: Estimator) -> None:
    bandit = Answers.of(vocabulary=2, depth=1)
    groups = Groups.of(bandit, 3)
    rows, reward = groups.rows, torch.tensor([0.4, 0.6], dtype=torch.float64)

    def loss(logits: Tensor) -> Tensor:
        ratio_N = token_ratio(rows.logps(logits), rows.logps(logits))
        found = estimator(reward[rows.pick_S][None], ONE, groups.group_S)
        terms_N = clipped_terms(ratio_N, found.advantage_S[rows.branch_N], low=0.2, high=0.2)
        return weighted(terms_N, groups.shares(found.share_S, logits), rows.branch_N)

    start = torch.tensor([[2.0, 0.0]], dtype=torch.float64)
    assert float(distribution(bandit, start)[1]) < 0.12
    assert float(distribution(bandit, descended(loss, start, steps=100, rate=0.3))[1]) > 0.99


def test_a_chain_is_solved_by_ppo_with_its_own_values() -> None:
    """To stop at once pays .1; to go on pays nothing but at the very end, 1: only values carry that to the start."""
    reward = torch.zeros(len(TREE), dtype=torch.float64)
    reward[TREE.words.index((2,))] = 0.1
    reward[TREE.words.index((1, 1, 1))] = 1.0
    rows = TREE.all()
    logits = torch.zeros(len(TREE.states), 3, dtype=torch.float64, requires_grad=True)
    value = torch.zeros(len(TREE.states), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([logits, value], lr=0.1)
    for _ in range(150):
        old_N, old_value_N = rows.logps(logits).detach(), value.detach()[rows.state_N]
        chance_S = distribution(TREE, logits).detach()
        reward_N = token_rewards(reward, torch.zeros_like(old_N), rows.branch_N, beta=0.0)
        advantage_N, return_N = gae(reward_N, old_value_N, rows.branch_N, len(TREE), gamma=1.0, lam=0.95)
        terms_N = clipped_terms(token_ratio(rows.logps(logits), old_N), advantage_N, low=0.2, high=0.2)
        values_N = value_terms(value[rows.state_N], old_value_N, return_N, clip=0.2)
        optimizer.zero_grad()
        weighted(terms_N + values_N, chance_S, rows.branch_N).backward()
        optimizer.step()
    found = distribution(TREE, logits.detach())
    assert float(found[TREE.words.index((1, 1, 1))]) > 0.98
    assert float(value.detach()[0]) == pytest.approx(1.0, abs=0.05)
