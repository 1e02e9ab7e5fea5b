"""Answers are written to order for each class, and kept where the judge sees them in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError
from rlaif.exchange.completions import read_completions
from rlaif.judging.rbr import read_weights
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.dry_run.recipe import plan
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.run import run
from tests.workflows.conftest import GREETS, SILENT, Write, judge_rows
from tests.workflows.recipe.steps.test_fit_rbr import RULES

RECIPE = """\
name: classes
models: {{policy: "{policy}", judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}}}
rounds: 1
round:
  - {{step: class-answers, rules: {rules}, prompts: 4, as: ordered}}
  - {{step: fit-rbr, rules: {rules}, of: ordered, steps: 50}}
"""
GREET = "- The response greets the user."


def writer(good: str, bad: str) -> list[dict[str, Any]]:
    return [
        {"contains": [f"is true:\n{GREET}"], "texts": [good]},
        {"contains": [f"may be true of it:\n{GREET}"], "texts": [bad]},
    ]


class Ordered:
    """The recipe, with a policy that writes to order as it is told here."""

    def __init__(self, place: Path, script: Write, **named: Any) -> None:
        self.place, self.script, self.named = place, script, named
        (place / "rules.yaml").write_text(RULES)

    def prepared(self, good: str = GREETS, bad: str = SILENT, **overrides: str) -> PreparedRecipe:
        policy, path = self.script("to-order", writer(good, bad)), self.place / "recipe.yaml"
        path.write_text(RECIPE.format(policy=policy, rules=self.place / "rules.yaml", **self.named))
        named = {key.replace("__", "."): value for key, value in overrides.items()}
        return prepare_recipe(RunConfig(recipe=str(path), out=self.place / "run", overrides=named))

    def play(self, *texts: str, **overrides: str) -> Finished:
        return run(self.prepared(*texts, **overrides))


@pytest.fixture
def ordered(tmp_path: Path, script: Write, prompts: Path, constitution: Path) -> Ordered:
    judge = script("judge-of-rules", judge_rows())
    return Ordered(tmp_path, script, judge=judge, prompts=prompts, constitution=constitution)


def test_each_class_is_written_named_in_its_row_and_fitted_to(ordered: Ordered) -> None:
    done = ordered.play()
    rows = read_completions(done.run / "round-1/ordered.jsonl")
    assert {(prompt.meta["class"], said.text) for prompt, said in rows} == {("good", GREETS), ("bad", SILENT)}
    assert len(rows) == 8
    assert {said.origin.kind for _, said in rows if said.origin is not None} == {"class"}
    (own,) = read_weights(done.run / "round-1/rbr-weights.json").kinds.values()
    assert own["greets"] > 0


def test_what_the_judge_sees_in_another_class_is_left_out_and_counted(ordered: Ordered) -> None:
    with pytest.raises(
        InputError, match=r"recipe\.yaml:7: .*none of 8 answers is of its class \(in another class: 8\)"
    ):
        ordered.play(SILENT, GREETS)


def test_without_a_check_the_orders_are_believed(ordered: Ordered) -> None:
    done = ordered.play(SILENT, GREETS, round__ordered__verify="false")
    rows = read_completions(done.run / "round-1/ordered.jsonl")
    assert {(prompt.meta["class"], said.text) for prompt, said in rows} == {("good", SILENT), ("bad", GREETS)}


def test_one_class_alone_is_nothing_to_fit(ordered: Ordered) -> None:
    with pytest.raises(InputError, match="nothing to fit"):
        ordered.play(GREETS, GREETS)


def test_the_dry_run_counts_the_answers_and_their_check(ordered: Ordered) -> None:
    found = plan(ordered.prepared())
    assert {each.name: each.calls for each in found.graph}["round-1/ordered"] == 8 + 8
