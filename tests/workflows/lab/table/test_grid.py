from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.errors import InputError
from rlaif.workflows.lab.table.config import TableConfig
from rlaif.workflows.lab.table.grid import cells, not_played
from rlaif.workflows.lab.table.settings import table_settings


def names(**given: object) -> list[str]:
    return [each.name for each in cells(TableConfig(out=Path("t"), **given))]  # type: ignore[arg-type]


def test_every_recipe_runs_once_before_one_runs_twice_and_a_column_after_the_other() -> None:
    found = names(recipes=("ai-feedback", "thumbs"), columns=("good", "weak"), seeds=2)
    assert found == [
        *(f"good_{name}_seed{seed}" for seed in (0, 1) for name in ("ai-feedback", "thumbs")),
        *(f"weak_{name}_seed{seed}" for seed in (0, 1) for name in ("ai-feedback", "thumbs")),
    ]


def test_the_good_judge_has_five_seeds_and_the_others_three() -> None:
    found = names(recipes=("ai-feedback",))
    assert len([each for each in found if each.startswith("good")]) == 5
    assert all(
        len([e for e in found if e.startswith(c)]) == 3 for c in ("weak", "noisy", "biased", "failing")
    )


def test_a_recipe_without_an_outside_judge_is_in_the_first_column_alone_and_says_why() -> None:
    assert names(recipes=("rlcd",), seeds=1) == ["good_rlcd_seed0"]
    assert not_played(table_settings().played["rlcd"], "weak") == "contrasting instructions make both sides"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"columns": ("god",)}, "columns: there is no 'god'; known: good, weak, noisy, biased, failing"),
        ({"recipes": ("dpo",)}, "recipes: there is no 'dpo'"),
        ({"recipes": ("rlcd", "rlcd")}, "names one twice"),
        ({"columns": ()}, "columns is empty"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(given: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        names(**given)
