"""A recipe made ready to run: overrides applied, prompts and constitution read, every task known. No model is open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.records import Constitution, Prompt
from rlaif.runs.identity import described_constitution, described_prompts
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.recipe import Recipe
from rlaif.workflows.recipe.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRecipe:
    """All that a run needs before it opens a model."""

    config: RunConfig
    recipe: Recipe
    constitution: Constitution
    prompts: Mapping[str, tuple[Prompt, ...]]
    tasks: tuple[Task, ...]
    """Every step of every round in the order in which they run, from round 0 on."""
    protocols: tuple[str, ...]
    """The protocols by which a round asks, in the order in which it does."""
    in_writing: bool
    """Whether judges behind servers write their verdicts in all steps, as one of the protocols does."""
    warnings: tuple[str, ...] = ()
    """What is odd of the recipe, and no reason to refuse it."""

    def round(self, number: int) -> tuple[Task, ...]:
        """The tasks of one round."""
        return tuple(each for each in self.tasks if each.round == number)

    def described(self, fingerprints: Mapping[str, str]) -> dict[str, Any]:
        """What the run is, for its claim on the directory: equal means the same run."""
        return {
            "recipe": self.recipe.config(),
            "constitution": described_constitution(self.constitution),
            "prompts": {name: described_prompts(prompts) for name, prompts in self.prompts.items()},
            "models": dict(fingerprints),
            "limit": self.config.limit,
        }
