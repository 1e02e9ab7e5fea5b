"""The source `cell`: two answers that differ in one principle and are alike in others; why not is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.errors import RecipeError
from rlaif.workflows.recipe.pair_sources.cell import label_of, sides_of
from rlaif.workflows.recipe.prepare import prepare_recipe
from tests.workflows.recipe.playing import config, made, planned_calls, play, prompt, said

ASKED = prompt("One?", meta={"cell": "greets"})


def reading(greets: float, brief: float) -> dict[str, float]:
    return {"greets": greets, "brief": brief}


def test_the_two_that_differ_most_in_the_cell_and_are_alike_beside_it_are_paired() -> None:
    drawn = [(ASKED, said(ASKED, text)) for text in ("good", "bad", "good and long", "between")]
    numbers = [reading(0.9, 0.5), reading(0.1, 0.5), reading(0.99, 0.0), reading(0.4, 0.5)]
    readings = {each.id: own for (_, each), own in zip(drawn, numbers, strict=True)}
    [found], reasons = sides_of(drawn, readings, 0.4, 0.15)
    assert (found.better.text, found.worse.text) == ("good", "bad")
    assert found.label == pytest.approx(0.81 / 0.82)
    assert reasons == {}


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (reading(0.6, 0.5), reading(0.5, 0.5), "alike in the cell"),
        (reading(0.9, 0.9), reading(0.1, 0.1), "differ in other principles"),
        (reading(0.9, 0.9), {"brief": 0.9}, "unread"),
    ],
)
def test_why_there_is_no_pair_is_counted(one: dict[str, float], other: dict[str, float], why: str) -> None:
    drawn = [(ASKED, said(ASKED, "a")), (ASKED, said(ASKED, "b"))]
    readings = {each.id: own for (_, each), own in zip(drawn, (one, other), strict=True)}
    assert sides_of(drawn, readings, 0.4, 0.15) == ([], {why: 1})


def test_a_prompt_of_no_cell_makes_no_pair() -> None:
    asked = prompt("Other?")
    assert sides_of([(asked, said(asked, "a"))], {}, 0.4, 0.15) == ([], {"no cell": 1})


def test_the_label_is_that_of_two_independent_readings_and_no_surer_than_they_are() -> None:
    assert label_of(0.5, 0.5) == 0.5
    assert label_of(0.8, 0.2) == pytest.approx(0.64 / 0.68)
    assert label_of(1.0, 0.0) == label_of(0.98, 0.02) < 1


STEPS = """
step: sample, as: probe, n: 4
step: judge, as: probed, of: probe
step: worst-cell, as: cell, of: [probe, probed], least: 4
step: sample, as: drawn, of: cell, n: 4
step: judge, as: judged, of: drawn
step: pairs, of: [drawn, judged], source: cell, gap: 0.3, others: 1
"""


def test_a_cell_is_found_and_paired_by_the_judge(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    done = play(tmp_path / "a", STEPS, **world)
    pairs = made(done)
    assert pairs
    assert all("Hello" in each.chosen[0].content for each in pairs)
    assert all(0.5 < each.label_prob < 1 for each in pairs)
    assert planned_calls(tmp_path / "b", STEPS, **world) >= done.calls["new"]


def test_a_source_without_a_step_that_finds_a_cell_is_refused(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    steps = "step: sample, n: 4\nstep: judge\nstep: pairs, source: cell\n"
    with pytest.raises(RecipeError, match="add `step: worst-cell`"):
        prepare_recipe(config(tmp_path / "a", steps, **world))
