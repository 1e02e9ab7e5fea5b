"""The source `sides`: good over bad of one prompt, labelled by the making or by a judge; one side alone is no pair."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.errors import RecipeError
from rlaif.exchange.judgments import read_judgments
from rlaif.workflows.recipe.pair_sources.sides import sides_of
from rlaif.workflows.recipe.prepare import prepare_recipe
from tests.workflows.conftest import GREETS, SILENT, Write
from tests.workflows.recipe.playing import config, made, planned_calls, play, prompt, said

ONE, OTHER = prompt("One?"), prompt("Other?")


def test_the_first_good_one_meets_the_first_bad_one_or_each_meets_each() -> None:
    drawn = [(ONE, said(ONE, text, side=side)) for text, side in (("a", "good"), ("b", "bad"), ("c", "good"))]
    drawn += [
        (ONE, said(ONE, "d", side="bad")),
        (OTHER, said(OTHER, "e", side="good")),
        (OTHER, said(OTHER, "f")),
    ]
    found, reasons = sides_of(drawn, every=False)
    assert [(each.better.text, each.worse.text) for each in found] == [("a", "b"), ("c", "d")]
    assert reasons == {"one side": 1}
    found, _ = sides_of(drawn, every=True)
    assert [each.better.text + each.worse.text for each in found] == ["ab", "ad", "cb", "cd"]


@pytest.fixture
def policy(script: Write) -> str:
    """Greets when it is told to do badly: the making is wrong, and a judge who likes greetings knows better."""
    return script(
        "policy",
        [{"contains": ["Give a bad response."], "texts": [GREETS]}, {"contains": [], "texts": [SILENT]}],
    )


def test_a_judge_that_labels_anew_may_turn_the_sides(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    steps = """
step: contrast, affixes: good-bad, prompts: 4
step: pairs, source: sides
step: pairs, source: sides, of: contrast, rescore: compare
"""
    named = steps.replace("prompts: 4", "prompts: 4, as: both").replace("of: contrast", "of: both")
    done = play(tmp_path / "a", named, **world)
    assert {each.chosen[0].content for each in made(done)} == {SILENT}
    anew = made(done, "pairs-2")
    assert {each.chosen[0].content for each in anew} == {GREETS}
    assert all(each.label_prob > 0.9 and each.provenance["judge"] for each in anew)
    # two principles, both orders, four prompts
    assert len(read_judgments(done.run / "round-1" / "pairs-2.comparisons.jsonl")) == 16
    assert planned_calls(tmp_path / "b", named, **world) == done.calls["new"] == 8 + 16


def test_completions_of_no_side_are_refused_before_the_first_call(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    steps = "step: sample, n: 2\nstep: pairs, source: sides"
    with pytest.raises(
        RecipeError, match=r"recipe.yaml:8: 'sample' makes no completion .*contrast, modify, portray, refuse"
    ):
        prepare_recipe(config(tmp_path / "a", steps, **world))  # type: ignore[arg-type]
    two = "step: sample, system: good, as: g\nstep: sample, system: bad, as: b\nstep: pairs, source: sides, of: [g, b]"
    prepare_recipe(config(tmp_path / "b", two, **world))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("label: 0.5", "label"),
        ("judge: policy", "asks no judge"),
        ("inconsistent: average", "nobody compares"),
        ("rescore: compare, label: 0.8", "the judge labels"),
        ("model: policy", "model"),
        ("rescore: checklist", "checklist"),
        ("pairing: all", "pairing is not used by source sides, but by judged"),
        ("critic: judge", "critic"),
        ("source: side", "sides"),
    ],
)
def test_options_of_another_source_are_refused(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path, options: str, message: str
) -> None:
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    own = options if options.startswith("source") else f"source: sides, {options}"
    with pytest.raises(RecipeError, match=message):
        prepare_recipe(config(tmp_path / "a", f"step: contrast\nstep: pairs, {own}", **world))  # type: ignore[arg-type]
