"""The cells of the table, column by column, and the reasons of those that are not played."""

from __future__ import annotations

from collections.abc import Iterator

from rlaif.workflows.lab.table.cell import TableCell
from rlaif.workflows.lab.table.columns import COLUMNS, GOOD
from rlaif.workflows.lab.table.config import TableConfig
from rlaif.workflows.lab.table.settings import PlayedRecipe, table_settings


def cells(config: TableConfig) -> Iterator[TableCell]:
    """All cells: column by column, in each seed by seed: every recipe is played once before one is twice."""
    for name in config.columns:
        column = COLUMNS[name]
        for seed in range(config.seed, config.seed + min(config.seeds, column.most_seeds)):
            for played in chosen(config):
                if not_played(played, name) is None:
                    yield TableCell(recipe=played.name, column=name, seed=seed)


def chosen(config: TableConfig) -> list[PlayedRecipe]:
    """The recipes and baselines that are played."""
    return [
        each for name, each in table_settings().played.items() if not config.recipes or name in config.recipes
    ]


def not_played(played: PlayedRecipe, column: str) -> str | None:
    """Why a recipe has no cell in a column: no outside judge labels anything for it; None: it is played."""
    return None if column == GOOD or played.judge_role is not None else played.no_judge
