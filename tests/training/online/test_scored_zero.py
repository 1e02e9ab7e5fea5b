"""Ten paired seeds with 30 % of the rewards missing: left out, against scored 0, for criteria of both signs.

The policy is small enough to know its gold exactly; its rollouts, which fail, and its start are the same in a pair.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

import pytest
import torch

from rlaif.training.online.advantages import leave_one_out
from rlaif.training.online.policy_losses import clipped_terms, token_ratio, weighted

from .enumerated import Answers, distribution

TREE = Answers.of(vocabulary=3, depth=3)
ONE = torch.ones(1, dtype=torch.float64)
GROUPS, SIZE, STEPS, FAILING, SEEDS = 4, 8, 30, 0.3, 10
STUDENT = 2.262
"""95 % both sides, 9 degrees of freedom."""
RATES = {"sgd": 1.0, "adam": 0.05}


def trained(seed: int, optimizer: str, *, negative: bool, scored_zero: bool) -> float:
    """The share of a policy's answers that meet a criterion, after RLOO on rewards of 1 and 0, or 0 and -1."""
    made = torch.Generator().manual_seed(seed)
    met = (torch.rand(len(TREE), generator=made) < 0.3).double()
    value = met - 1 if negative else met
    logits = TREE.random(seed, 0.5).requires_grad_()
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
    descent = kind([logits], lr=RATES[optimizer])
    group_S = torch.arange(GROUPS).repeat_interleave(SIZE)
    for _ in range(STEPS):
        pick_S = torch.multinomial(distribution(TREE, logits.detach()), len(group_S), True, generator=made)
        failed_S = torch.rand(len(group_S), generator=made) < FAILING
        missing = torch.full((len(group_S),), 0.0 if scored_zero else math.nan, dtype=torch.float64)
        found = leave_one_out(torch.where(failed_S, missing, value[pick_S])[None], ONE, group_S)
        rows = TREE.rows(pick_S)
        logp_N = rows.logps(logits)
        ratio_N = token_ratio(logp_N, logp_N)
        terms_N = clipped_terms(ratio_N, found.advantage_S[rows.branch_N], low=0.2, high=0.2)
        descent.zero_grad()
        weighted(terms_N, found.share_S, rows.branch_N).backward()
        descent.step()
    return float(distribution(TREE, logits.detach()) @ met)


@pytest.mark.parametrize("optimizer", RATES)
@pytest.mark.parametrize("negative", [False, True], ids=["positive", "negative"])
def test_leaving_failures_out_is_not_below_scoring_them_zero_and_above_it_for_a_negative_criterion(
    negative: bool, optimizer: str, measured: Callable[[str, object], None]
) -> None:
    apart = [
        trained(seed, optimizer, negative=negative, scored_zero=False)
        - trained(seed, optimizer, negative=negative, scored_zero=True)
        for seed in range(SEEDS)
    ]
    mean = statistics.mean(apart)
    half = STUDENT * statistics.stdev(apart) / math.sqrt(SEEDS)
    measured("gold left out less gold scored 0", f"{mean:.4f} +- {half:.4f}")
    assert mean + half >= 0
    if negative:
        assert mean - half > 0
