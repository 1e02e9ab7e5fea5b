"""Several components of rows that are judged each by itself: a row's number depends on no other row."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from rlaif.judging.group_rewards.alone import RowsReward
from rlaif.judging.group_rewards.combined import Combined, WeighedPart
from rlaif.judging.group_rewards.part import PromptGroup
from rlaif.judging.scales import Scale
from rlaif.records import Completion, Prompt, State

from .groups import Fixed, group

UNIT = Scale()
GROUP = group("x", "y", "z")
HELP = {"x": 0.2, "y": 0.9, "z": 0.5}


def made(second: dict[str, float | State], **how: object) -> RowsReward:
    one = WeighedPart(part=Fixed("help", dict(HELP), UNIT), weight=2.0)
    other = WeighedPart(
        part=Fixed("other", second, UNIT), **{n: how.pop(n) for n in ("at_least", "weight") if n in how}
    )  # type: ignore[arg-type]
    return RowsReward(Combined([one, other], **how))  # type: ignore[arg-type]


def rewards(reward: RowsReward, given: PromptGroup = GROUP) -> list[float | None]:
    return reward.rewards([given.prompt] * len(given.completions), given.completions)


def test_a_row_is_the_weighted_sum_and_none_where_a_part_could_not_be_read() -> None:
    found = rewards(made({"x": 0.5, "y": State.UNREADABLE, "z": State.ABSTAIN}))
    assert found == [pytest.approx(0.9), None, None]


def test_a_part_that_is_only_recorded_takes_no_number_away() -> None:
    assert rewards(made({"x": 0.5, "y": State.UNREADABLE, "z": 0.1}, weight=0.0))[1] == pytest.approx(1.8)


def test_a_broken_condition_has_the_floor_whatever_other_rows_have() -> None:
    reward = made({"x": 0.0, "y": 1.0, "z": State.UNREADABLE}, at_least=0.5, floor=-0.5)
    assert rewards(reward) == [-0.5, pytest.approx(1.8), None]


@pytest.mark.parametrize("how", [{}, {"together": "product"}, {"together": "mean"}, {"at_least": 0.5}])
def test_a_row_has_the_same_number_beside_any_other_rows(how: dict[str, object]) -> None:
    reward = made({"x": 0.0, "y": State.UNREADABLE, "z": 0.7}, **how)
    alone = {each.text: rewards(reward, replace_(GROUP, [each]))[0] for each in GROUP.completions}
    for order in permutations(GROUP.completions):
        for count in (2, 3):
            some = list(order[:count])
            assert rewards(reward, replace_(GROUP, some)) == [alone[each.text] for each in some]


def replace_(given: PromptGroup, completions: list[Completion]) -> PromptGroup:
    return given._replace(completions=completions)


def test_what_was_cut_off_is_asked_of_nobody() -> None:
    cut = [replace(each, finish="length") for each in GROUP.completions]
    assert rewards(made({}), replace_(GROUP, cut)) == [None] * 3
    nobody: list[Prompt] = []
    assert made({}).rewards(nobody, []) == []
