"""The registry of recipe steps: ours from `steps/`, others' from the entry-point group `rlaif.steps`."""

from __future__ import annotations

from rlaif.registry import Registry
from rlaif.workflows.recipe.step import Step

STEPS: Registry[Step] = Registry(
    noun="step",
    group="rlaif.steps",
    kinds=(Step,),
    package="rlaif.workflows.recipe.steps",
    attribute="STEP",
)
