"""What the rounds of a recipe would do and cost: every step is asked for its forecast, and nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlaif.store import find_store
from rlaif.workflows.dry_run import cost as planning
from rlaif.workflows.dry_run.cost import PlannedModels
from rlaif.workflows.recipe.graph import Node, graph, graph_lines
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.step import Job, RoundState


@dataclass(frozen=True, slots=True)
class RecipePlan(planning.DryRunPlan):
    """What a recipe would do, and what it would cost."""

    graph: Sequence[Node] = ()
    warnings: Sequence[str] = ()
    calls: Mapping[str, int] = field(default_factory=dict)
    """Those of each task by its name."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON; warnings only where there are any."""
        odd = {"warnings": list(self.warnings)} if self.warnings else {}
        whole = planning.DryRunPlan.as_dict(self)
        return {**whole, "graph": [each.as_dict() for each in self.graph], **odd}


def plan(prepared: PreparedRecipe) -> RecipePlan:
    """What would be done, for `--dry-run`."""
    models, calls = _planned(prepared)
    nodes = graph(prepared, calls)
    return RecipePlan(graph_lines(prepared, nodes), models, nodes, prepared.warnings, calls)


def forecast(prepared: PreparedRecipe) -> dict[str, Any]:
    """Calls, tokens and cost of all rounds, by model; a model that is yet to be trained goes by its directory."""
    return _planned(prepared)[0]


def _planned(prepared: PreparedRecipe) -> tuple[dict[str, Any], dict[str, int]]:
    """The estimate, and the calls of each task by its name."""
    config, recipe = prepared.config, prepared.recipe
    models = PlannedModels(config, seed=recipe.seed, in_writing=prepared.in_writing)
    calls: dict[str, int] = {}
    with planning.planning(models, find_store(config.out, config.store), config.out):
        values: dict[str, Any] = {}
        for number in range(recipe.rounds + 1):
            state = RoundState(number=number, values=values)
            for task in prepared.round(number):
                before = _asked(models)
                job = Job(prepared=prepared, task=task, models=models, run=config.out, state=state)
                with STEPS.guarded(task.entry.step):
                    made = STEPS.get(task.entry.step).forecast(job)
                if task.makes is not None:
                    values[task.makes.path] = made
                    if task.makes.kind == "model":
                        _to_come(models, job)
                calls[task.name] = _asked(models) - before
        return planning.estimate(models), calls


def _asked(models: PlannedModels) -> int:
    """Count the calls that would be made, so far."""
    return sum(each.planned.calls for each in models.planned.values())


def _to_come(models: PlannedModels, job: Job) -> None:
    """Let a model that is yet to be trained count as the one that it is made of."""
    made = job.task.makes
    assert made is not None
    folder: Path = job.run / made.path
    if folder.is_dir():
        return
    name = STEPS.get(job.task.entry.step).stands(job.task.entry, str(folder))
    base = next(iter(job.task.models.values()), job.task.stands["policy"])
    # its fingerprint is that of nothing that anybody has asked yet
    models.made_of[name] = models.made_of.get(base, base)
