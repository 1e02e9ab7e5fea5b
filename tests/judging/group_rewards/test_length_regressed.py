from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from rlaif.judging.group_rewards.length_regressed import LengthRegressed, length_slope
from rlaif.judging.group_rewards.part import PromptGroup
from rlaif.judging.labels import CallReading
from rlaif.judging.scales import REWARD, Scale
from rlaif.records import Completion, Message, Prompt, State

FAILED = CallReading(State.UNREADABLE, detail="no")


class Part:
    """Gives what it was given, in order."""

    name, fingerprint, scale = "rm", "b2:rm", Scale(lowest=0.0, highest=1.0)

    def __init__(self, values: Sequence[float | None]) -> None:
        self.values = values

    def readings(self, groups: Sequence[PromptGroup], *, step: int, seed: int) -> list[CallReading]:
        return [FAILED if each is None else CallReading(State.SCORE, each) for each in self.values]


def group(name: str, *lengths: int) -> PromptGroup:
    prompt = Prompt(messages=(Message(role="user", content=name),))
    return PromptGroup(
        prompt, [Completion(prompt_id=prompt.id, text="w " * each, policy="p") for each in lengths]
    )


def read(values: Sequence[float | None], *groups: PromptGroup) -> list[float | None]:
    return [each.value for each in LengthRegressed(Part(values)).readings(groups, step=0, seed=0)]


def test_the_slope_is_that_of_least_squares_with_a_level_for_each_group() -> None:
    rng = np.random.default_rng(0)
    lengths, sizes = rng.integers(1, 40, 12).astype(float), [5, 4, 3]
    rewards = rng.normal(size=12) + 0.3 * lengths
    levels = np.repeat(np.eye(3), sizes, axis=0)
    wanted = np.linalg.lstsq(np.column_stack([lengths, levels]), rewards, rcond=None)[0][0]
    assert length_slope(rewards.tolist(), lengths.tolist(), sizes) == pytest.approx(wanted)


def test_a_reward_that_is_length_alone_says_nothing_any_more() -> None:
    found = read([1.0, 2.0, 4.0, 3.0], group("a", 10, 20), group("b", 40, 30))
    assert found == pytest.approx([2.5] * 4)


def test_a_reward_that_does_not_go_with_length_stays_as_it_is() -> None:
    assert read([1.0, 0.0, 1.0, 0.0], group("a", 5, 5, 9, 9)) == pytest.approx([1.0, 0.0, 1.0, 0.0])


def test_prompts_that_want_long_answers_do_not_count_for_the_slope() -> None:
    # between the prompts the longer ones have more; within each of them length is worth nothing
    found = read([0.0, 0.0, 9.0, 9.0], group("a", 2, 4), group("b", 50, 52))
    assert found == [0.0, 0.0, 9.0, 9.0]


def test_a_failure_stays_a_failure_and_moves_nobody() -> None:
    found = read([1.0, None, 3.0], group("a", 10, 500, 30))
    assert found[1] is None
    assert found[0] == pytest.approx(2.0)
    assert found[2] == pytest.approx(2.0)
    assert read([None], group("a", 3)) == [None]


def test_single_completions_are_compared_over_the_step() -> None:
    found = read([1.0, 2.0, 3.0], group("a", 10), group("b", 20), group("c", 30))
    assert found == pytest.approx([2.0, 2.0, 2.0])


def test_its_numbers_have_no_ends_and_it_is_another_reward() -> None:
    part = Part([1.0])
    assert LengthRegressed(part).scale == REWARD
    assert LengthRegressed(part).fingerprint != part.fingerprint
