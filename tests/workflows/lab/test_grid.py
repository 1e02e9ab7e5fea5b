from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from rlaif.errors import InputError
from rlaif.workflows.lab.config import LabConfig, settled
from rlaif.workflows.lab.forecast import LabPace
from rlaif.workflows.lab.grid import cells
from rlaif.workflows.lab.methods.best_of_n import counts

FEWEST_POINTS = 3
"""Off zero, for a curve of two parameters."""


def config(**own: object) -> LabConfig:
    return LabConfig(out=Path("lab"), **own)  # type: ignore[arg-type]


def test_best_of_n_and_grpo_fill_the_grid_and_the_rest_is_at_the_middle_cell() -> None:
    found = list(cells(config()))
    counts = Counter((each.method, each.variant) for each in found)
    assert counts == {
        ("best-of-n", ""): 27,
        ("grpo", ""): 27,
        ("dpo", ""): 3,
        ("ppo", ""): 3,
        ("distillation", ""): 3,
        ("best-of-n", "judge noise"): 3,
        ("grpo", "judge noise"): 3,
        ("grpo", "rubric"): 3,
        ("grpo", "rubric dropout"): 3,
    }
    assert {(each.size, each.labels) for each in found if each.method == "dpo" or each.variant} == {
        ("2", 128)
    }


def test_each_cell_has_a_record_of_its_own_and_seeds_come_one_after_the_other() -> None:
    found = list(cells(config(seed=5)))
    assert len({each.name for each in found}) == len(found)
    assert [each.seed for each in found] == sorted(each.seed for each in found)
    assert {each.seed for each in found} == {5, 6, 7}


def test_the_quick_form_has_every_method_once() -> None:
    found = list(cells(settled(config(quick=True))))
    assert {each.method for each in found} == {"best-of-n", "grpo", "dpo", "ppo", "distillation"}
    assert len(found) <= 13


def test_chosen_methods_alone_are_measured() -> None:
    assert {each.method for each in cells(config(methods=("dpo",)))} == {"dpo"}
    with pytest.raises(InputError, match="'best' is no way of optimising; known: best-of-n, grpo"):
        list(cells(config(methods=("best",))))


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"sizes": ()}, "the grid is empty"),
        ({"sizes": ("1", "1")}, "name each once"),
        ({"labels": (64, 1)}, "needs two pairs"),
    ],
)
def test_a_grid_that_cannot_be_drawn_is_refused(own: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        config(**own)


def test_the_forecast_of_the_whole_grid_fits_into_an_hour_of_two_cores_and_the_quick_form_into_minutes() -> (
    None
):
    whole, quick = settled(config()), settled(config(quick=True))
    assert LabPace.of(list(cells(whole)), whole).seconds_left < 2 * 3600
    assert LabPace.of(list(cells(quick)), quick).seconds_left < 150


@pytest.mark.parametrize("quick", [True, False])
def test_every_curve_has_points_enough_for_a_fit(quick: bool) -> None:
    found = settled(config(quick=quick))
    assert found.steps // found.every >= FEWEST_POINTS
    assert len(counts(found.best_of)) - 1 >= FEWEST_POINTS


def test_the_forecast_follows_the_cells_that_are_done() -> None:
    quick = settled(config(quick=True))
    listed = list(cells(quick))
    slow, fast = LabPace.of(listed, quick), LabPace.of(listed, quick)
    slow.after(listed[0], 600.0)
    fast.after(listed[0], 6.0)
    assert slow.seconds_left == pytest.approx(100 * fast.seconds_left)
