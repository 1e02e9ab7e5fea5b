"""The step `judge-examples` in a recipe: formats, caps and weights, and what is refused before anything is asked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import RecipeError
from rlaif.exchange.examples import read_examples
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run

RECIPE = """\
name: formats
models: {{policy: {policy}, judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}, held_out: {prompts}}}
rounds: 1
round:
  - {{step: sample, n: 2, prompts: 4}}
  - {{step: judge}}
  - {{step: pairs, then: none}}
  - {{step: judge-examples{more}}}
"""


@pytest.fixture
def recipe(tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path) -> Any:
    def write(more: str = "", **own: str) -> Path:
        path = tmp_path / "formats.yaml"
        held = {"policy": policy, "judge": judge, "constitution": constitution, "prompts": prompts, **own}
        path.write_text(RECIPE.format(more=more, **held))
        return path

    return write


def play(path: Path) -> Finished:
    return run(prepare_recipe(RunConfig(recipe=str(path), out=path.parent / "out")))


def test_labels_of_pairs_and_of_single_answers_become_examples_of_every_format(recipe: Any) -> None:
    done = play(recipe())
    found = read_examples(done.run / "round-1" / "judge-examples.jsonl")
    counts = done.rounds[-1]["judge_examples"]
    assert counts["examples"] == len(found)
    assert {name for name in counts if name.endswith("kept")} == {
        "pairwise: kept", "pointwise: kept", "classification: kept", "critique: kept",
    }  # fmt: skip
    answers = Counter(each.messages[-1].content for each in found)
    assert answers["A"] == answers["B"] > 0
    assert answers["It does not greet."] > 0
    assert answers["yes"] > 0


def test_a_format_that_harmed_in_its_tail_patch_is_left_out(recipe: Any) -> None:
    gains = ", gains: {pairwise: 0.1, pointwise: -0.1, classification: 0.0, critique: -0.1}"
    done = play(recipe(gains))
    found = read_examples(done.run / "round-1" / "judge-examples.jsonl")
    assert {(each.messages[-1].content in "AB", each.weight) for each in found} == {(True, 1.0), (False, 0.3)}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (", formats: [pairs]", "there is no format 'pairs' of judge examples; there are: pairwise"),
        (
            ", sources: [gold]",
            "there is no source 'gold' of judge examples; there are: pairs, judgments, tests",
        ),
        (", formats: []", "is an empty list"),
        (", formats: [pairwise, pairwise]", "formats names one twice"),
        (", weights: {pairwise: 0.5}, gains: {pairwise: 0.5}", "give one of `weights` and `gains`"),
        (", formats: [pairwise], weights: {pairwise: 0}", "no example is left"),
        (", formats: [critique], sources: [tests]", "add pairs to `sources`"),
    ],
)
def test_settings_that_leave_no_example_are_refused_with_the_line_before_anything_is_asked(
    recipe: Any, more: str, said: str
) -> None:
    path = recipe(more)
    with pytest.raises(RecipeError, match=said) as refused:
        play(path)
    assert "formats.yaml:10" in str(refused.value)
    assert not (path.parent / "out").exists()


def test_a_judge_that_learns_from_no_example_is_refused(recipe: Any) -> None:
    with pytest.raises(RecipeError, match="gold:: is no model that reads and writes"):
        play(recipe(judge="gold:"))
