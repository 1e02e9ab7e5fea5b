"""What `rlaif lab table` is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rlaif.errors import InputError
from rlaif.settings import setting
from rlaif.workflows.configs import RUN, ModelOptions
from rlaif.workflows.lab.table.columns import COLUMNS
from rlaif.workflows.lab.table.settings import table_settings

PLAYED, MEASURED = "What is played", "What is measured"
OPENED = ModelOptions(workers=1)
"""How the bundled models are opened: one process each, since seconds are those of one core."""
QUICK: Mapping[str, Any] = {"seeds": 1, "measured": 8, "draws": 1}
"""The form of `--quick`: each recipe's own quick form, once, on few prompts. Its figures say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableConfig:
    """Play every shipped recipe in the microworld under one budget and several judges, and put them side by side."""

    out: Path = setting(help="Directory to write; the same command resumes.")
    columns: tuple[str, ...] = setting(
        tuple(COLUMNS),
        help=f"Judges, in the order in which they are played [default: {','.join(COLUMNS)}].",
        metavar="NAME,NAME",
        group=PLAYED,
    )
    recipes: tuple[str, ...] = setting(
        (), help="Recipes and baselines that are played [default: all].", metavar="NAME,NAME", group=PLAYED
    )
    seeds: int = setting(
        5, help="Seeds of the column `good`; the others have 3 of them at most.", least=1, group=PLAYED
    )
    quick: bool = setting(
        False, help="Each recipe's quick form, one seed; its figures say nothing.", group=PLAYED
    )
    measured: int = setting(48, help="Held-out prompts that are measured on.", least=2, group=MEASURED)
    draws: int = setting(2, help="Answers to each of them.", least=1, group=MEASURED)
    seed: int = setting(0, help="First seed; the others follow.", group=RUN)

    def __post_init__(self) -> None:
        """Raise InputError for a column or a recipe that there is not."""
        for what, given, known in (
            ("columns", self.columns, list(COLUMNS)),
            ("recipes", self.recipes, list(table_settings().played)),
        ):
            for name in given:
                if name not in known:
                    raise InputError(f"{what}: there is no {name!r}; known: {', '.join(known)}")
            if len(set(given)) < len(given):
                raise InputError(f"{what} names one twice ({', '.join(given)}); name each once")
        if not self.columns:
            raise InputError(f"columns is empty; name some of: {', '.join(COLUMNS)}")


def settled(config: TableConfig) -> TableConfig:
    """The configuration as it is run: `--quick` sets its sizes."""
    return replace(config, **QUICK) if config.quick else config
