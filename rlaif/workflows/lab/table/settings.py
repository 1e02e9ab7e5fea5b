"""How each shipped recipe is played in the table: sizes within one budget, what is measured, and who judges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from rlaif.documents import read_document
from rlaif.errors import InputError
from rlaif.judging.protocols import PER_PAIR

FILE = Path(__file__).with_name("settings.yaml")
POLICY = "policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedRecipe:
    """A recipe as the table plays it."""

    name: str
    """What the table calls it: the recipe, or a baseline that is played as one."""
    recipe: str
    overrides: Mapping[str, str]
    measures: str = POLICY
    """The role whose newest model is measured at the end."""
    protocol: str = PER_PAIR
    """Of a measured judge: how it is asked."""
    tag: str | None = None
    """The tag by which the trained policy is asked for good answers."""
    judge_role: str | None = None
    """The role that an outside judge takes; None: there is no outside judge."""
    no_judge: str = ""
    """Why there is none."""
    says: str = ""
    """Of a baseline: what it is."""
    draws: str = ""
    """Of a baseline that trains nothing: which draws it measures."""
    seconds: float = 30.0
    """Of one core, as measured when the sizes were chosen."""
    tried: tuple[str, ...] = ()
    """What was tried before these sizes, on which seed, and what it gave."""

    def with_judge(self, judge: str | None) -> dict[str, str]:
        """The overrides under an outside judge; None leaves the recipe's own."""
        if judge is None or self.judge_role is None:
            return dict(self.overrides)
        return {**self.overrides, f"models.{self.judge_role}": judge}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSettings:
    """All of the file."""

    budget: Mapping[str, int]
    """Of a recipe: answers drawn (rollouts too), calls of a judge, tokens of both."""
    recipes: Mapping[str, PlayedRecipe]
    baselines: Mapping[str, PlayedRecipe] = field(default_factory=dict)

    @property
    def played(self) -> dict[str, PlayedRecipe]:
        """Recipes, then baselines."""
        return {**self.recipes, **self.baselines}


@cache
def table_settings() -> TableSettings:
    """The shipped file."""
    data = read_document(FILE, InputError).data
    return TableSettings(
        budget=data["budget"],
        recipes={name: _played(name, row) for name, row in data["recipes"].items()},
        baselines={name: _played(name, row) for name, row in data["baselines"].items()},
    )


def _played(name: str, row: Mapping[str, Any]) -> PlayedRecipe:
    judge = row.get("judge", {})
    return PlayedRecipe(
        name=name,
        recipe=row.get("recipe", name),
        overrides={
            key: each if isinstance(each, str) else json.dumps(each)
            for key, each in row.get("set", {}).items()
        },
        measures=row.get("measures", POLICY),
        protocol=row.get("protocol", PER_PAIR),
        tag=row.get("tag"),
        judge_role=judge.get("role"),
        no_judge=judge.get("none", "its judge is part of what it is" if "recipe" in row else ""),
        says=row.get("says", ""),
        draws=row.get("draws", ""),
        seconds=float(row["seconds"]) if "seconds" in row else 30.0,
        tried=tuple(row.get("tried", ())),
    )
