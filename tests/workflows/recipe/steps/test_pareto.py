"""The step `pareto` in recipes: points by judge and gold, the front marked, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError
from rlaif.workflows.recipe.steps.pareto import row
from tests.workflows.recipe.playing import planned_calls, play

STEPS = "step: pareto, on: train, prompts: 4, max_tokens: 40, {more}"
TWO = "policies: [initial, policy], objectives: [micro-default, micro-terse]"


@pytest.fixture
def world() -> dict[str, Any]:
    return {
        "policy": "micro:weak",
        "judge": "micro",
        "prompts": "micro:held-out",
        "constitution": "micro-default",
    }


def test_each_policy_has_a_point_with_its_error_and_equal_ones_share_the_front(
    tmp_path: Path, world: dict[str, Any]
) -> None:
    steps = STEPS.format(more=f"gold: true, {TWO}")
    ahead = planned_calls(tmp_path, steps, **world)
    done = play(tmp_path, steps, **world)
    assert 0 < done.calls["new"] <= ahead
    found = json.loads((done.run / "round-1/pareto.json").read_text())
    assert (found["told_by"], found["front"]) == ("gold", ["initial", "policy"])
    assert found["points"]["initial"] == found["points"]["policy"]
    for figures in found["points"]["initial"].values():
        assert 0 <= figures["gold_mean"] <= 1
        assert 0 <= figures["mean"] <= 1
        assert figures["gold_n"] <= 4
    assert set(done.rounds[1]["pareto"]) == {"initial (front)", "policy (front)"}


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ("policies: [initial], objectives: [micro-default, micro-terse]", "`policies` names 1"),
        ("policies: [initial, policy], objectives: [micro-default]", "`objectives` names 1"),
        ("policies: [initial, nobody], objectives: [micro-default, micro-terse]", "nobody"),
        ("policies: [initial, policy], objectives: [micro-default, no-such]", "no-such"),
    ],
)
def test_what_has_no_front_is_refused_before_anything_is_asked(
    more: str, text: str, tmp_path: Path, world: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match=text):
        planned_calls(tmp_path, STEPS.format(more=more), **world)


def test_the_front_is_told_by_the_judge_where_no_gold_measured() -> None:
    figures = {"mean": 0.25, "se": None, "n": 1}
    facts = {"told_by": "judge", "front": ["a"], "points": {"a": {"x": figures}, "b": {"x": figures}}}
    assert row(facts, 1) == {"pareto": {"a (front)": {"x": 0.25}, "b": {"x": 0.25}}}
    assert row({}, 1) == {}
