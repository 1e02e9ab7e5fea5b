"""What a training's step is given: totals and components in the order of the groups, failures as None by component."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rlaif.errors import InputError
from rlaif.judging.group_rewards.combined import Combined, WeighedPart
from rlaif.judging.group_rewards.parts_reward import PartsReward
from rlaif.judging.scales import Scale
from rlaif.records import Completion, Component, GroupReward, State
from tests.judging.builders import prompt

from .groups import TO, Fixed, group

NEVER = (False,) * 3
TABLE = {"x": 1.0, "y": 0.5, "z": State.UNREADABLE}


def parts() -> list[WeighedPart]:
    return [
        WeighedPart(part=Fixed("help", TABLE, Scale()), weight=0.5),
        WeighedPart(part=Fixed("brief", {"x": 0.0, "y": 1.0, "z": 1.0}, Scale())),
        WeighedPart(part=Fixed("safe", {"x": 1.0, "y": 1.0, "z": 1.0}, Scale()), at_least=0.5),
    ]


def test_a_failed_component_is_missing_in_itself_alone() -> None:
    reward: GroupReward = PartsReward(Combined(parts()))
    found = reward.score([TO], [group("x", "y", "z").completions], step=0, seed=0)
    assert found.totals == (0.5, 1.25, 0.375 + 1.0)
    assert found.components == (
        Component(name="help", weight=0.5, hard=False, values=(1.0, 0.5, None), silent=NEVER),
        Component(name="brief", weight=1.0, hard=False, values=(0.0, 1.0, 1.0), silent=NEVER),
        Component(name="safe", weight=0.0, hard=True, values=(1.0, 1.0, 1.0), silent=NEVER),
    )
    assert found.additive


def test_a_completion_that_was_cut_off_is_no_answer_and_keeps_its_place() -> None:
    reward = PartsReward(Combined(parts()))
    whole = group("x", "y").completions
    cut = replace(whole[0], text="not in the table", finish="length")
    open_one = Completion(prompt_id=TO.id, text="", policy="p", open_thought=True)
    found = reward.score([TO, TO], [[cut, whole[1]], [whole[0], open_one]], step=0, seed=0)
    assert found.totals == (None, 1.25, 0.5, None)
    assert found.components[0].values == (None, 0.5, 1.0, None)
    assert not reward.reasons["help"]
    nothing = reward.score([TO], [[cut, cut]], step=0, seed=0)
    assert nothing.totals == (None, None)
    assert [each.values for each in nothing.components] == [(None, None)] * 3


def test_why_a_component_had_no_number_is_counted() -> None:
    reward = PartsReward(Combined(parts()))
    reward.score([TO, prompt("b")], [group("x", "z").completions, group("z").completions], step=0, seed=0)
    assert dict(reward.reasons["help"]) == {"unreadable: no answer": 2}
    assert not reward.reasons["brief"]


def test_a_component_that_has_nothing_to_say_has_not_failed() -> None:
    rules = WeighedPart(part=Fixed("rules", {"x": State.ABSTAIN, "y": 1.0, "z": State.TRANSPORT}, Scale()))
    reward = PartsReward(Combined([rules, parts()[1]]))
    cut = replace(group("x").completions[0], finish="length")
    found = reward.score([TO], [[cut, *group("x", "y", "z").completions]], step=0, seed=0)
    assert found.components[0].values == (None, None, 1.0, None)
    assert found.components[0].silent == (False, True, False, False)
    assert dict(reward.reasons["rules"]) == {"transport: no answer": 1}


def test_two_components_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="two parts are called 'help'"):
        PartsReward(Combined([*parts(), parts()[0]]))
