"""The source `judged`: options that cannot work together are refused with their place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rlaif.errors import RecipeError
from rlaif.exchange.pairs import read_pairs
from rlaif.workflows.audit.load_run import read_source
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.dry_run.recipe import plan
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run

RECIPE = """\
name: labels
models: {{policy: "{policy}", judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}}}
rounds: 1
round:
  - {{step: sample, n: 2, prompts: 8}}
  - {{step: judge}}
  - {{step: pairs, critique: false, pairing: random, inconsistent: average}}
"""


@pytest.fixture
def recipe(tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path) -> Path:
    path = tmp_path / "labels.yaml"
    path.write_text(RECIPE.format(policy=policy, judge=judge, constitution=constitution, prompts=prompts))
    return path


def config(recipe: Path, **options: str) -> RunConfig:
    named = {f"round.pairs.{name}": value for name, value in options.items()}
    return RunConfig(recipe=str(recipe), out=recipe.parent / "run", overrides=named)


def test_drawn_principles_ask_one_question_in_both_orders_and_say_so_in_each_pair(recipe: Path) -> None:
    given = config(recipe, principles="drawn", clamp="0.6")
    nodes = {each.name: each for each in plan(prepare_recipe(given)).graph}
    assert nodes["round-1/pairs"].calls == 8 * 2
    pairs = read_pairs(run(prepare_recipe(given)).run / "round-1/pairs.jsonl")
    assert len(pairs) == 8
    assert {len(each.principles) for each in pairs} == {1}
    assert {each.label_prob for each in pairs} == {0.6}
    assert pairs[0].provenance["labels"] == {"principles": "drawn", "clamp": 0.6}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"principles": "[gret]"}, "has no principle 'gret'; it has: greet, brief"),
        ({"principles": "worst"}, "principles is 'worst'; it must be all, drawn, or a list of ids"),
        ({"draw": "4"}, "draw is 4, and principles is all: nothing is drawn"),
        ({"clamp": "0.4"}, "clamp"),
    ],
)
def test_options_of_labels_that_cannot_work_are_refused(
    recipe: Path, options: dict[str, str], said: str
) -> None:
    with pytest.raises(RecipeError, match=said):
        prepare_recipe(config(recipe, **options))


def test_an_audit_makes_clamped_labels_again_as_they_are(recipe: Path) -> None:
    done = run(prepare_recipe(config(recipe, clamp="0.6")))
    labels = read_source(done.run / "round-1").evidence.labels
    assert labels.decided == pytest.approx([0.6] * 8)
    assert labels.probability == pytest.approx([0.6] * 8)


def test_cut_answers_lose_in_a_recipe_where_the_step_before_has_judged_them(recipe: Path) -> None:
    with pytest.raises(
        RecipeError, match="the step `judge` judges nothing that was cut off; write `truncated: judge"
    ):
        prepare_recipe(config(recipe, truncated="reject"))
    given = config(recipe, truncated="reject")
    given = replace(given, overrides={**given.overrides, "round.judge.truncated": "judge"})
    done = run(prepare_recipe(given)).run
    assert len(read_pairs(done / "round-1/pairs.jsonl")) == 8
