"""The sources of pairs: one file each, and those of other packages (entry points `rlaif.pair_sources`)."""

from __future__ import annotations

from rlaif.registry import Registry
from rlaif.workflows.recipe.pair_source import PairSource

SOURCES: Registry[PairSource] = Registry(
    noun="source of pairs",
    group="rlaif.pair_sources",
    kinds=(PairSource,),
    package="rlaif.workflows.recipe.pair_sources",
    attribute="SOURCE",
)
DEFAULT = "judged"
"""The source of a step `pairs` that names none."""
