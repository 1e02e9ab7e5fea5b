"""Rules by which a step `filter` leaves rows out: one file each, pure functions of what is given. They ask nobody."""

from __future__ import annotations

from rlaif.registry import Registry
from rlaif.workflows.recipe.filters.rule import Rule

FILTERS: Registry[Rule] = Registry(
    noun="filter rule",
    group="rlaif.filters",
    kinds=(Rule,),
    package="rlaif.workflows.recipe.filters",
    attribute="RULE",
)
