"""Rollouts of another program than the trainer: how they are weighed, what of it is shown, and what that leaves."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rlaif.errors import ModelError, RecipeError
from rlaif.records import Completion
from rlaif.training import GRPOConfig, PPOConfig, RAFTConfig, RLOOConfig, train_online
from rlaif.training.configs.online import CORRECTIONS
from rlaif.training.online.advantages import leave_one_out
from rlaif.training.online.drift import (
    ROUNDING,
    Correction,
    Drift,
    assert_ratio_one,
    correction_of,
    drift_of,
    step_drift,
)
from rlaif.training.online.policy_losses import clipped_terms, token_ratio, weighted
from rlaif.training.online.reading import TreeReader, TreeReading
from rlaif.training.online.rollouts import LiveRollouts, Rollout
from rlaif.training.packing import Tree
from tests.training.conftest import MakeDirectory

from .enumerated import Answers, Groups, distribution, slope
from .helpers import SMALL, Counted, history, letters, prompts

# two rollouts: ratios 2, 1/2, 4 of the first's tokens, 1.5 and 1 of the second's
OLD = ((-1.0, -1.0, -1.0), (-2.0, -0.5))
SAMPLED = (
    (-1.0 - math.log(2), -1.0 + math.log(2), -1.0 - math.log(4)),
    (-2.0 - math.log(1.5), -0.5),
)
BRANCH_N = torch.tensor([0, 0, 0, 1, 1])


def rollouts(
    sampled: Sequence[Sequence[float] | None], trained: Sequence[Sequence[float]] | None = None
) -> list[Rollout]:
    return [
        Rollout(
            completion=Completion(prompt_id="p", text="a", policy="live", finish="stop"),
            ids=(1,) * len(OLD[place]),
            ended=True,
            logprobs=None if said is None else tuple(said),
            trained=None if trained is None else tuple(trained[place]),
        )
        for place, said in enumerate(sampled)
    ]


def drift(kind: str, most: float = 3.0, sampled: Sequence[Sequence[float] | None] = SAMPLED) -> Drift:
    old_N = torch.tensor([value for each in OLD for value in each], dtype=torch.float64)
    return drift_of(rollouts(sampled), old_N, BRANCH_N, Correction(kind, most))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("none", [1, 1, 1, 1, 1]),
        # rollouts: 2 x 1/2 x 4 = 4, and 1.5
        ("sequence-mask", [0, 0, 0, 1.5, 1.5]),
        ("sequence-truncate", [3, 3, 3, 1.5, 1.5]),
        ("token-mask", [2, 0.5, 0, 1.5, 1]),
        ("token-truncate", [2, 0.5, 3, 1.5, 1]),
    ],
)
def test_the_weights_by_hand(kind: str, expected: list[float]) -> None:
    assert drift(kind).weight_N.tolist() == pytest.approx(expected)


def test_a_mask_leaves_out_what_the_sampler_likes_too_well_and_truncation_does_not() -> None:
    swapped = [
        [2 * own - said for own, said in zip(*both, strict=True)] for both in zip(OLD, SAMPLED, strict=True)
    ]
    assert drift("sequence-mask", sampled=swapped).weight_N.tolist() == pytest.approx([0, 0, 0, 2 / 3, 2 / 3])
    assert drift("sequence-truncate", sampled=swapped).weight_N.tolist() == pytest.approx(
        [0.25, 0.25, 0.25, 2 / 3, 2 / 3]
    )
    assert drift("token-mask", sampled=swapped).weight_N.tolist() == pytest.approx([0.5, 2, 0, 2 / 3, 1])


def test_a_sampler_that_says_nothing_of_a_rollout_is_agreed_with() -> None:
    for kind in CORRECTIONS:
        assert drift(kind, sampled=[None, SAMPLED[1]]).weight_N[:3].tolist() == [1, 1, 1]


def test_the_figures_by_hand() -> None:
    nats = [math.log(2), math.log(2), math.log(4), math.log(1.5), 0]
    shared = {
        "sampling/sampling_logp_difference/mean": sum(nats) / 5,
        "sampling/sampling_logp_difference/max": math.log(4),
    }
    expected = {
        "sequence-mask": (0, 0.75, 1.5, "masked", 0.5),
        "sequence-truncate": (1.5, 2.25, 3, "truncated", 0.5),
        "token-mask": (0, 1.0, 2, "masked", 0.2),
        "token-truncate": (0.5, 1.6, 3, "truncated", 0.2),
        "none": (1.5, 2.75, 4, "masked", 0),
    }
    for kind, (least, mean, most, name, share) in expected.items():
        found = step_drift(rollouts(SAMPLED, OLD), Correction(kind, 3.0))
        assert found is not None
        assert found.figures() == pytest.approx(
            {
                **shared,
                "sampling/importance_sampling_ratio/min": least,
                "sampling/importance_sampling_ratio/mean": mean,
                "sampling/importance_sampling_ratio/max": most,
                f"sampling/{name}": share,
            }
        )
        # parts of passes add up to the same
        parts = drift(kind).parts(rollouts=2, tokens=5)
        assert {key: float(value) for key, value in parts.items()} == pytest.approx(
            {key: found.figures()[key] for key in parts}
        )


def test_of_rollouts_that_nobody_read_before_there_are_no_figures_of_the_step() -> None:
    assert step_drift(rollouts(SAMPLED), Correction("none", 3.0)) is None


@pytest.mark.parametrize("kind", [each for each in CORRECTIONS if each != "none"])
def test_weights_are_trls(kind: str) -> None:
    oracle = pytest.importorskip("tests.trl_oracle")
    made = torch.Generator().manual_seed(5)
    old_ST = -torch.rand(6, 5, generator=made, dtype=torch.float64)
    sampled_ST = old_ST + torch.randn(6, 5, generator=made, dtype=torch.float64) * 0.2
    mask_ST = (torch.arange(5) < torch.tensor([[5], [1], [3], [2], [5], [4]])).long()
    least = 1 / 1.5 if kind.endswith("mask") else None
    theirs = oracle.sampler_ratios(
        old_ST, sampled_ST, mask_ST, mode=kind.replace("-", "_"), most=1.5, least=least
    )
    real = mask_ST.bool()
    branch_N = torch.arange(6).repeat_interleave(mask_ST.sum(1))
    apart_N = (old_ST - sampled_ST)[real]
    ours_N = Drift(apart_N, branch_N, 6, Correction(kind, 1.5)).weight_N
    assert len(set(ours_N.tolist())) > 2
    torch.testing.assert_close(ours_N, theirs.expand(6, 5)[real], rtol=1e-9, atol=0)


# --- what is left of the gradient, by counting all groups that could be drawn ---

ONE = torch.ones(1, dtype=torch.float64)
REWARD = torch.tensor([0.3, -0.4, 0.9, 0.1, -0.8, 0.5, 1.0], dtype=torch.float64)


def expected_gradient(answers: Answers, policy: Tensor, sampler: Tensor, correction: Correction) -> Tensor:
    """Of the corrected loss over all groups of two that the sampler could draw."""
    groups = Groups.of(answers, 2)
    rows = groups.rows
    found = leave_one_out(REWARD[rows.pick_S][None], ONE, groups.group_S)
    share_S = groups.shares(found.share_S, sampler)
    apart_N = rows.logps(policy) - rows.logps(sampler)
    weight_N = Drift(apart_N, rows.branch_N, len(rows.pick_S), correction).weight_N

    def loss(logits: Tensor) -> Tensor:
        logp_N = rows.logps(logits)
        terms_N = clipped_terms(
            token_ratio(logp_N, logp_N), found.advantage_S[rows.branch_N], low=0.2, high=0.2
        )
        return weighted(terms_N * weight_N, share_S, rows.branch_N)

    return slope(loss, policy)


def policies(depth: int) -> tuple[Answers, Tensor, Tensor, Tensor]:
    """Answers, a policy, a sampler that is off on purpose, and the policy's own gradient."""
    answers = Answers.of(vocabulary=3, depth=depth)
    policy = answers.random(0)
    sampler = policy + answers.random(4, scale=0.5)
    own = slope(lambda logits: -(distribution(answers, logits) @ REWARD[: len(answers)]), policy)
    return answers, policy, sampler, own


def off(found: Tensor, own: Tensor) -> float:
    return float((found - own).norm() / own.norm())


@pytest.mark.parametrize("kind", ["sequence-mask", "sequence-truncate"])
def test_by_ratios_of_rollouts_a_sampler_that_is_off_has_the_policys_own_gradient(kind: str) -> None:
    answers, policy, sampler, own = policies(2)
    assert off(expected_gradient(answers, policy, sampler, Correction(kind, 1e9)), own) < 1e-9
    # which is not so without it
    assert off(expected_gradient(answers, policy, sampler, Correction("none", 1e9)), own) > 0.1


@pytest.mark.parametrize("kind", ["token-mask", "token-truncate"])
def test_by_ratios_of_tokens_it_has_it_where_an_answer_is_one_token(
    kind: str, measured: Callable[[str, object], None]
) -> None:
    answers, policy, sampler, own = policies(1)
    assert off(expected_gradient(answers, policy, sampler, Correction(kind, 1e9)), own) < 1e-9
    answers, policy, sampler, own = policies(2)
    raw = off(expected_gradient(answers, policy, sampler, Correction("none", 1e9)), own)
    by_token = off(expected_gradient(answers, policy, sampler, Correction(kind, 1e9)), own)
    measured("two tokens: off by, of the gradient's length, uncorrected / by tokens", (raw, by_token))
    assert 1e-3 < by_token < raw


def test_a_bound_costs_some_of_the_gradient_and_truncation_less_than_a_mask(
    measured: Callable[[str, object], None],
) -> None:
    answers, policy, sampler, own = policies(2)
    found = {
        kind: off(expected_gradient(answers, policy, sampler, Correction(kind, 1.5)), own)
        for kind in ("sequence-truncate", "sequence-mask")
    }
    measured("bound 1.5: off by, of the gradient's length", found)
    assert 0 < found["sequence-truncate"] < found["sequence-mask"] < 1


# --- what a configuration says ---


def test_what_is_corrected_is_what_the_configuration_says() -> None:
    config = GRPOConfig(correction="token-truncate", max_mismatch=2.0)
    assert correction_of(config) == Correction("token-truncate", 2.0)
    assert correction_of(RAFTConfig()).kind == "none"


@pytest.mark.parametrize("config", [RLOOConfig, lambda **given: GRPOConfig(variant="gspo", **given)])
@pytest.mark.parametrize("kind", ["token-mask", "token-truncate"])
def test_a_method_that_moves_rollouts_as_a_whole_weighs_no_token_by_itself(
    config: Callable[..., object], kind: str
) -> None:
    with pytest.raises(RecipeError, match=r"correction is .* must be of sequences"):
        config(correction=kind)


def test_rounding_weighs_nothing_and_is_shown() -> None:
    near = [[own + 0.5 * ROUNDING for own in each] for each in OLD]
    for kind in CORRECTIONS:
        found = drift(kind, sampled=near)
        assert found.weight_N.tolist() == [1] * 5
        assert found.figures()["sampling/sampling_logp_difference/max"] == pytest.approx(0.5 * ROUNDING)
    # differences that cancel out over a rollout are no rounding
    assert drift("token-mask", sampled=[[-1.0, -0.5, -1.5], OLD[1]]).weight_N[:3].tolist() != [1] * 3


@pytest.mark.parametrize("off", [1e-2, math.nan])
def test_a_ratio_that_is_not_1_before_the_first_update_is_an_error(off: float) -> None:
    old_N = torch.tensor([-1.0, -2.0])
    assert_ratio_one(old_N, old_N, "float32")
    with pytest.raises(ModelError, match="differs from itself by"):
        assert_ratio_one(old_N + torch.tensor([0.0, off]), old_N, "float32")


@pytest.mark.parametrize(
    "config", [GRPOConfig(**SMALL, iterations=2), PPOConfig(**SMALL)], ids=["grpo", "ppo"]
)
def test_a_training_whose_two_readings_differ_ends_before_it_learned_anything(
    config: Any, model_dir: MakeDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = TreeReader.__call__

    def other(self: TreeReader, trees: Sequence[Tree], read: Any = None) -> list[TreeReading]:
        found = usual(self, trees, read)
        return [each._replace(logps=[logp - 0.01 for logp in each.logps]) for each in found]

    monkeypatch.setattr(TreeReader, "__call__", other)
    with pytest.raises(ModelError, match="before the first update of a step"):
        train_online(config, prompts(), Counted(letters), policy=model_dir(), out=tmp_path / "out")
    assert not (tmp_path / "out/metrics.jsonl").exists()


def test_rollouts_that_another_policy_drew_are_left_out_and_counted(
    model_dir: MakeDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = LiveRollouts.draw

    def odd(self: LiveRollouts, *given: Any, **named: Any) -> list[list[Rollout]]:
        groups = usual(self, *given, **named)
        # the first of each group, said to be e^4 times less probable than it is
        return [
            [
                replace(
                    each,
                    logprobs=tuple(
                        said - 4.0 * (place == 0) * (token == 0)
                        for token, said in enumerate(each.logprobs or ())
                    ),
                )
                for place, each in enumerate(group)
            ]
            for group in groups
        ]

    monkeypatch.setattr(LiveRollouts, "draw", odd)
    out = tmp_path / "out"
    train_online(RLOOConfig(**SMALL), prompts(), Counted(letters), policy=model_dir(), out=out)
    assert [line["sampling/masked"] for line in history(out)] == pytest.approx([0.25] * 4)
