"""What a step's rollouts are worth: failures are never numbers, and what has no end is worth least."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from rlaif.errors import ThresholdError
from rlaif.records import Completion, Component, Message, Prompt, ScoredGroups
from rlaif.training import GRPOConfig, PPOConfig
from rlaif.training.online.rewarded import RewardedRollouts, ScoredRollouts, rewarded
from rlaif.training.online.rollouts import Rollout, TokenPrompt

from .helpers import SMALL

NAN = math.nan


def scored(
    totals: Sequence[float | None],
    *,
    ended: Sequence[bool] | None = None,
    size: int = 4,
    components: Sequence[Component] = (),
    additive: bool = False,
    lengths: Sequence[int] | None = None,
    thinking: Sequence[bool] | None = None,
) -> ScoredRollouts:
    whole = ended or [True] * len(totals)
    open_thoughts = thinking or [False] * len(totals)
    sizes = lengths or [5] * len(totals)
    made = [
        Rollout(
            completion=Completion(
                prompt_id="p",
                text="" if unended else "a",
                policy="live",
                finish="stop" if own else "length",
                thought="t" if unended else "",
                open_thought=unended,
            ),
            ids=(1,) * length,
            ended=own,
            logprobs=None,
        )
        for own, length, unended in zip(whole, sizes, open_thoughts, strict=True)
    ]
    groups = [made[start : start + size] for start in range(0, len(made), size)]
    asked = TokenPrompt(Prompt(messages=(Message(role="user", content="q"),)), (1, 2))
    said = ScoredGroups(totals=tuple(totals), components=tuple(components), additive=additive)
    return ScoredRollouts([asked] * len(groups), groups, said)


def worth(asked: ScoredRollouts, **given: Any) -> RewardedRollouts:
    return rewarded(GRPOConfig(**{**SMALL, "max_failed": 1.0, **given}), asked, step=0)


def same(found: torch.Tensor, wanted: Sequence[float]) -> bool:
    return torch.allclose(found, torch.tensor(wanted, dtype=torch.float64), equal_nan=True)


def part(name: str, values: Sequence[float | None], weight: float = 1.0, hard: bool = False) -> Component:
    return Component(name=name, weight=weight, hard=hard, values=tuple(values))


def test_what_is_no_finite_number_is_a_failure_and_no_number() -> None:
    found = worth(scored([1.0, None, NAN, math.inf]))
    assert same(found.reward_S, [1.0, NAN, NAN, NAN])
    assert found.figures["rewards/failed"] == 0.75
    assert found.figures["reward"] == 1.0
    assert found.figures["groups/skipped"] == 1


def test_a_sum_is_kept_by_its_parts_so_that_a_failed_one_is_missing_alone() -> None:
    parts = [
        part("a", [1.0, None, 3.0, 4.0], 2.0),
        part("b", [0.5, 0.5, 0.0, 1.0]),
        part("c", [1, 1, 1, 1], hard=True),
    ]
    asked = scored([2.5, None, 6.0, 9.0], components=parts, additive=True)
    found = worth(asked)
    assert same(found.reward_KS[0], [1.0, NAN, 3.0, 4.0])
    assert same(found.weight_K, [2.0, 1.0])
    assert found.figures["rewards/a/failed"] == 0.25
    assert found.figures["rewards/failed"] == 0
    assert found.figures["rewards/b/mean"] == 0.5
    alone = worth(scored([2.5, None, 6.0, 9.0], components=parts))
    assert same(alone.reward_KS, [2.5, NAN, 6.0, 9.0])
    assert len(alone.part_KS) == 2


@pytest.mark.parametrize(
    ("truncated", "wanted"), [("penalise", [-0.5, 0.5, 1.0, -0.5]), ("mask", [NAN, 0.5, 1.0, NAN])]
)
def test_a_rollout_that_was_cut_off_and_not_judged_is_worth_less_than_all_or_left_out(
    truncated: str, wanted: list[float]
) -> None:
    asked = scored([None, 0.5, 1.0, None], ended=[False, True, True, False])
    found = worth(asked, truncated=truncated)
    assert same(found.reward_S, wanted)
    assert found.figures["rewards/failed"] == 0
    assert found.figures["completions/clipped_ratio"] == 0.5


def test_a_rollout_that_was_cut_off_and_judged_all_the_same_keeps_its_reward_less_the_penalty() -> None:
    asked = scored([2.0, 0.5, 1.0, 0.0], ended=[False, True, True, True])
    assert same(worth(asked, truncated="penalise", truncated_penalty=0.5).reward_S, [1.5, 0.5, 1.0, 0.0])
    assert same(worth(asked, truncated="keep").reward_S, [2.0, 0.5, 1.0, 0.0])


def test_beside_several_parts_the_penalty_is_a_part_of_its_own() -> None:
    parts = [part("a", [1.0, None, 3.0, 4.0]), part("b", [0.5, None, 0.0, 1.0])]
    asked = scored([1.5, None, 3.0, 5.0], ended=[True, False, True, True], components=parts, additive=True)
    found = worth(asked, truncated="penalise")
    assert same(found.reward_KS[1], [0.5, 0.0, 0.0, 1.0])
    assert same(found.reward_KS[2], [0.0, -1.0, 0.0, 0.0])
    assert same(found.weight_K @ found.reward_KS, [1.5, 0.0, 3.0, 5.0])


def test_the_soft_penalty_of_length_grows_over_the_last_tokens() -> None:
    asked = scored([1.0] * 4, lengths=[8, 9, 10, 12])
    assert same(worth(asked, overlong=4).reward_S, [1.0, 0.75, 0.5, 0.0])


def test_equal_rewards_have_no_spread_whatever_rounding_does_to_their_mean() -> None:
    found = worth(scored([0.7, 0.7, 0.7, None, 0.1, 0.2, 0.7, 0.7]))
    assert found.figures["frac_reward_zero_std"] == 0.5


def test_single_rollouts_are_no_group_without_spread_and_none_of_them_is_skipped() -> None:
    asked = scored([0.1, 0.1, None, 0.1], size=1)
    figures = rewarded(PPOConfig(**{**SMALL, "max_failed": 1.0, "n": 1}), asked, step=0).figures
    assert "frac_reward_zero_std" not in figures
    assert figures["groups/skipped"] == 1
    assert figures["reward"] == 0.1


def test_a_part_that_says_the_same_of_all_has_no_deviation_by_rounding() -> None:
    asked = scored([0.7] * 3, size=3, components=[part("a", [0.7] * 3)], additive=True)
    assert worth(asked).figures["rewards/a/std"] == 0
    assert worth(asked).figures["rewards/a/mean"] == 0.7


def test_failing_that_goes_with_length_is_measured_where_something_failed() -> None:
    assert not [name for name in worth(scored([1.0, 2.0, 3.0, 4.0])).figures if name.startswith("failures/")]
    found = worth(scored([None, 1.0, 2.0, 3.0], lengths=[12, 3, 4, 5])).figures
    assert found["failures/length/above"] == 1.5
    assert found["failures/length/scale"] == 3


def test_a_component_that_fails_too_often_ends_the_step_and_is_named() -> None:
    parts = [part("rules", [1.0, None, None, 1.0]), part("judge", [0.5, 0.5, 0.0, 1.0])]
    asked = scored([1.5, 1.0, 0.5, 2.0], components=parts)
    with pytest.raises(
        ThresholdError, match=r"50\.0% of 4 rollouts are without a value of rules, limit 20\.0%"
    ):
        worth(asked, max_failed=0.2)


def test_groups_are_chosen_and_joined_with_all_that_was_said_of_them() -> None:
    asked = scored([1.0, 2.0, 3.0, 4.0], size=2, components=[part("a", [1, 2, 3, 4])])
    last = asked.of([1])
    assert (last.said.totals, last.said.components[0].values, len(last.groups)) == ((3.0, 4.0), (3, 4), 1)
    both = last.with_more(asked.of([0]))
    assert (both.said.totals, both.said.components[0].values) == ((3.0, 4.0, 1.0, 2.0), (3, 4, 1, 2))


def test_a_thought_that_never_ended_is_no_failure_of_the_reward_and_worth_least() -> None:
    """The model ended its turn inside of its thought: there is no answer, as where it was cut off."""
    asked = scored([1.0, 3.0, None, 2.0], thinking=[False, False, True, False])
    found = worth(asked, truncated="penalise", truncated_penalty=0.5)
    assert same(found.reward_S, [1.0, 3.0, 0.5, 2.0])
    assert found.figures["rewards/failed"] == 0
    assert found.figures["completions/open_thoughts"] == 0.25
    assert found.figures["completions/clipped_ratio"] == 0
    assert same(worth(asked, truncated="mask").reward_S, [1.0, 3.0, NAN, 2.0])


def test_where_nobody_thinks_nothing_is_said_of_thoughts() -> None:
    assert "completions/open_thoughts" not in worth(scored([1.0, 2.0, 3.0, 4.0])).figures


def test_where_no_thought_ends_the_reward_is_not_blamed() -> None:
    with pytest.raises(
        ThresholdError, match="no rollout came to an end within 12 tokens, out of its thought"
    ):
        worth(scored([None] * 4, thinking=[True] * 4))
