"""A reward is tried on as many of the first rollouts as can tell that it is constant, and refused with its place."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rlaif.errors import InputError
from rlaif.judging.group_rewards.combined import Combined, WeighedPart
from rlaif.judging.group_rewards.parts_reward import PartsReward
from rlaif.judging.group_rewards.pointwise_part import PointwisePart
from rlaif.records import Completion, Prompt
from rlaif.workflows.training.probed_reward import TRIED, ProbedReward, tried
from tests.judging.builders import prompt
from tests.judging.group_rewards.groups import numbered
from tests.judging.group_rewards.test_probe import HOUSE

ASKED = [prompt(str(number)) for number in range(8)]


def answers(each: Prompt, texts: Sequence[str], *, cut: int = 0) -> list[Completion]:
    """Completions of a prompt, the first `cut` of them cut off."""
    return [
        Completion(
            prompt_id=each.id, text=text, policy="p", draw=draw, finish="length" if draw < cut else "stop"
        )
        for draw, text in enumerate(texts)
    ]


def groups(size: int, *, cut: int = 0) -> list[list[Completion]]:
    return [answers(each, [f"answer {draw}" for draw in range(size)], cut=cut) for each in ASKED]


@pytest.mark.parametrize(
    ("size", "cut", "count"),
    [
        (8, 0, TRIED),
        (4, 0, 4),  # sixteen answers
        (4, 1, 6),  # eighteen whole ones of six prompts
        (2, 0, 8),
        (1, 0, 8),  # there are no more
    ],
)
def test_it_is_tried_on_as_many_groups_as_can_tell_that_it_is_constant(
    size: int, cut: int, count: int
) -> None:
    assert tried(groups(size, cut=cut)) == count


def probed(gives: float | None) -> ProbedReward:
    part = PointwisePart("f", numbered(lambda _: gives, "f"), HOUSE)
    return ProbedReward(PartsReward(Combined([WeighedPart(part=part)], floor=None)), "mine.yaml:7")


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        (0.5, "does not differ between the completions"),
        (float("inf"), "inf is no number"),
        (None, "no number"),
    ],
)
def test_a_reward_that_teaches_nothing_is_refused_with_its_place(gives: float | None, said: str) -> None:
    with pytest.raises(InputError, match=f"^mine.yaml:7: reward.*{said}"):
        probed(gives).score(ASKED, groups(4, cut=1), step=0, seed=0)


def test_a_training_that_is_resumed_tries_nothing_again() -> None:
    found = probed(0.5).score(ASKED, groups(4, cut=1), step=3, seed=0)
    assert found.totals.count(None) == 8
