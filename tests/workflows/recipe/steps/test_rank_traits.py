"""The step `rank-traits`: two traits offered at a time, and the Elo of each before and after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import RecipeError
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.dry_run.recipe import plan
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run
from tests.workflows.conftest import Write

RECIPE = """\
name: traits
models: {{policy: "{policy}", judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}, held_out: {prompts}}}
rounds: 1
round:
  - {{step: rank-traits, prompts: 4, n: 2, {how}}}
"""
COLD = """\
name: cold
version: 1.0.0
title: One rule
principles:
  - id: cold
    text: The response is cold.
"""


def config(tmp_path: Path, how: str = "by: choice", **world: Any) -> RunConfig:
    path = tmp_path / "traits.yaml"
    path.write_text(RECIPE.format(how=how, **world))
    return RunConfig(recipe=str(path), out=tmp_path / "run")


@pytest.fixture
def world(script: Write, prompts: Path, constitution: Path) -> dict[str, Any]:
    """A policy that shows that it greets wherever it is offered that, and a judge that sees it."""
    greets = "The response greets the user."
    policy = [
        {"contains": ["Let one of these two traits show", greets], "texts": ["Hello. It is 5."]},
        {"contains": [], "texts": ["It is 5."]},
    ]
    judge = [
        {"contains": ["Which of two traits", "Hello", f"Trait A: {greets}"], "labels": {"A": 0.9, "B": 0.1}},
        {"contains": ["Which of two traits", "Hello", f"Trait B: {greets}"], "labels": {"A": 0.1, "B": 0.9}},
        {"contains": ["Which of two traits"], "labels": {"A": 0.5, "B": 0.5}},
        {"contains": ["Does the response", "Hello", greets], "labels": {"yes": 0.9, "no": 0.1}},
        {"contains": ["Does the response"], "labels": {"yes": 0.4, "no": 0.6}},
    ]
    names = {"policy": script("policy", policy), "judge": script("judge", judge)}
    return {**names, "prompts": prompts, "constitution": constitution}


@pytest.mark.parametrize("by", ["choice", "each"])
def test_the_trait_that_shows_is_the_strong_one_and_every_round_is_offered_the_same(
    tmp_path: Path, world: dict[str, Any], by: str
) -> None:
    how = config(tmp_path, f"by: {by}", **world)
    planned = plan(prepare_recipe(how))
    done = run(prepare_recipe(how))
    for row in done.rounds:
        assert row["trait_elo"]["greet"] > row["trait_elo"]["brief"]
        assert row["trait_gap"] is None  # there are no others
    assert done.rounds[0]["trait_elo"] == done.rounds[1]["trait_elo"]
    facts = json.loads((done.run / "round-1" / "traits.json").read_text())
    assert facts["games"] == len(facts["rows"]) == 8
    assert facts["lost"] == {}
    # eight draws; in both orders, or each of two traits of each different answer
    assert done.calls["new"] <= sum(each.calls for each in planned.graph)
    assert run(prepare_recipe(how)).calls["new"] == 0


def test_traits_of_another_constitution_are_offered_too_and_the_gap_to_them_is_told(
    tmp_path: Path, world: dict[str, Any]
) -> None:
    cold = tmp_path / "cold.yaml"
    cold.write_text(COLD)
    done = run(prepare_recipe(config(tmp_path, f"by: choice, others: {cold}", **world)))
    elo = done.rounds[1]["trait_elo"]
    assert set(elo) == {"greet", "brief", "cold"}
    assert done.rounds[1]["trait_gap"] == pytest.approx(
        (elo["greet"] + elo["brief"]) / 2 - elo["cold"], abs=1
    )


@pytest.mark.parametrize(
    ("judge", "more", "why"),
    [
        (
            "random:",
            "by: choice",
            r"random:: is no model that is asked which of two traits shows; set `by: each`",
        ),
        (None, "by: choice, on: train", None),
        (
            None,
            "by: choice, others: other.yaml",
            r"say different things under 'greet'; rename one of the two",
        ),
    ],
)
def test_what_cannot_be_ranked_is_refused_with_the_line(
    tmp_path: Path, world: dict[str, Any], judge: str | None, more: str, why: str | None
) -> None:
    (tmp_path / "other.yaml").write_text(COLD.replace("id: cold", "id: greet"))
    more = more.replace("other.yaml", str(tmp_path / "other.yaml"))
    how = config(tmp_path, more, **{**world, **({"judge": judge} if judge else {})})
    if why is None:
        prepare_recipe(how)
        return
    with pytest.raises(RecipeError, match=rf"traits\.yaml:7: .*{why}"):
        prepare_recipe(how)


def test_one_principle_alone_is_no_choice(tmp_path: Path, world: dict[str, Any]) -> None:
    Path(world["constitution"]).write_text(COLD)
    with pytest.raises(RecipeError, match="to no prompt of 'held_out' two principles apply"):
        prepare_recipe(config(tmp_path, **world))
