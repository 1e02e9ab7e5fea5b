"""The sizes of the shipped table: every recipe is there, can be run as it says, and draws no more than the budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.shipped import shipped
from rlaif.version import __version__
from rlaif.workflows.lab.table.baselines import DIRECT
from rlaif.workflows.lab.table.cell import TableCell
from rlaif.workflows.lab.table.columns import COLUMNS, GOOD
from rlaif.workflows.lab.table.config import TableConfig
from rlaif.workflows.lab.table.play import run_config
from rlaif.workflows.lab.table.settings import table_settings
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.registry import STEPS
from tools.run_recipes import drawn

PLAYED = [name for name, each in table_settings().played.items() if not each.draws]
SOME = drawn(PLAYED, 6, __version__)
"""Another release draws others."""


def check(name: str, tmp_path: Path) -> None:
    """The sizes of a recipe, under an outside judge where it has one."""
    played = table_settings().played[name]
    column = GOOD if played.judge_role is None else "noisy"
    cell = TableCell(recipe=name, column=column, seed=0)
    found = prepare_recipe(run_config(cell, TableConfig(out=tmp_path), tmp_path / "work"))
    online = [each.entry.settings.options for each in found.tasks if hasattr(each.entry.settings, "options")]
    rollouts = sum(each.n * each.batch_size * each.steps for each in online if hasattr(each, "temperature"))
    assert rollouts <= table_settings().budget["answers"]
    asking = [each for each in found.tasks if COLUMNS["noisy"].judge in each.models.values()]
    labelled = any(not STEPS.get(each.entry.step).measures for each in asking)
    assert labelled == (played.judge_role is not None)


def test_every_shipped_recipe_is_in_the_table() -> None:
    assert set(table_settings().recipes) == {path.stem for path in shipped("pipelines").glob("*.yaml")}


def test_a_recipe_has_an_outside_judge_or_a_reason_for_none() -> None:
    assert all((each.judge_role is None) == bool(each.no_judge) for each in table_settings().played.values())


@pytest.mark.heavy
@pytest.mark.parametrize("name", SOME)
def test_drawn_recipes_can_be_run_by_their_sizes_within_the_budget(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", PLAYED)
def test_every_recipe_can_be_run_by_its_sizes_within_the_budget(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)


def test_whoever_draws_without_training_says_how() -> None:
    assert {each.draws for each in table_settings().baselines.values() if each.draws} == set(DIRECT)


def test_an_outside_judge_takes_its_role_and_leaves_other_recipes_as_they_are() -> None:
    played = table_settings().played
    assert played["judge-training"].with_judge("noisy:0.2:micro")["models.teacher"] == "noisy:0.2:micro"
    assert played["ai-feedback"].with_judge("micro:weak")["models.judge"] == "micro:weak"
    assert "models.judge" not in played["rlcd"].with_judge("micro:weak")
