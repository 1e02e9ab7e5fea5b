"""Rules by which a step `filter` leaves rows out: one file each, pure functions of what is given. They ask nobody."""

from __future__ import annotations

from rlaif.registry import Registry
from rlaif.workflows.recipe.filters.rule import FilterRule

FILTERS: Registry[FilterRule] = Registry(
    noun="filter rule",
    group="rlaif.filters",
    kinds=(FilterRule,),
    package="rlaif.workflows.recipe.filters",
    attribute="RULE",
)
