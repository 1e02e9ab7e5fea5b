"""The shipped recipes about judge data: their graphs are sound, whole and quick."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.workflows.recipe.flow import tasks_of
from rlaif.workflows.recipe.recipes import load_recipe
from rlaif.workflows.recipe.task import Task

NAMES = ("debate", "entailment-feedback", "judge-training", "meta-rewarding", "self-taught-evaluator")


def tasks(name: str, *, quick: bool = False) -> dict[str, Task]:
    return {each.name: each for each in tasks_of(load_recipe(name, quick=quick), Path("run"))}


@pytest.mark.parametrize("name", NAMES)
def test_every_step_of_a_recipe_is_fed_and_its_quick_form_is_shorter(name: str) -> None:
    assert len(tasks(name, quick=True)) <= len(tasks(name))
    assert load_recipe(name, quick=True).rounds == 1


def test_meta_rewarding_learns_from_pairs_of_answers_and_of_judgments_together() -> None:
    found = tasks("meta-rewarding")
    assert [each.name for each in found["round-1/both"].takes] == ["actor", "judged"]
    assert [each.name for each in found["round-1/train"].takes] == ["both"]


def test_the_self_taught_judge_starts_from_the_first_one_each_round() -> None:
    found = tasks("self-taught-evaluator")
    assert found["round-3/train"].initial["trains"] == "micro"
    assert found["round-3/judge-traces"].models["judge"] == "run/models/round-2"
    assert found["round-3/train"].entry.named["from"] == "initial"


def test_the_entailment_classifier_judges_what_the_policy_says() -> None:
    found = tasks("entailment-feedback")
    assert found["round-1/rewards"].models["judge"] == "reward:run/models/round-1-entails"
