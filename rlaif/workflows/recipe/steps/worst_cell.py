"""The step `worst-cell`: the principle and the kind of prompt that a policy fails most together, as a judge says it.

Failure modes to targeted comparisons: the prompts of that cell are what it makes. `write-prompts` writes more like
them, and the source `cell` of a step `pairs` sets answers against each other that differ in that principle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rlaif.auditing.cells import Cell, cells_of, kinds_of, worst_of
from rlaif.records import Completion, Judgment, Prompt, State
from rlaif.settings import setting
from rlaif.workflows.recipe.step import Facts, Job, RunJob, Step

CELL, CELL_KIND = "cell", "cell_kind"
"""Columns of the prompts that are made: the principle that is failed on them, and the kind that they are of."""
SHOWN = 5
"""Cells that the facts name, the worst first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCellSettings:
    """Which cells count."""

    least: int = setting(20, help="Answers that a cell must have.", least=2)
    above: float = setting(
        0.9, help="A cell of which the judge says yes at this share or more is no failure.", above=0, most=1
    )


def judged_values(judgments: Sequence[Judgment]) -> list[tuple[str, str, float]]:
    """(prompt, principle, P(yes)) of what was read; a judgment that failed is no answer of a cell."""
    return [
        (each.prompt_id, each.principle_id, each.value)
        for each in judgments
        if each.state is State.SCORE and each.value is not None and each.principle_id is not None
    ]


def _found(job: Job) -> tuple[list[Prompt], list[Cell]]:
    drawn: list[tuple[Prompt, Completion]] = job.value("completions")
    prompts = list({prompt.id: prompt for prompt, _ in drawn}.values())
    return prompts, cells_of(judged_values(job.value("judgments")), kinds_of(prompts), seed=job.seed)


def make(job: RunJob) -> Facts:
    """Find the cell, and write its prompts."""
    prompts, cells = _found(job)
    worst = worst_of(cells, job.settings.least)
    ranked = sorted(cells, key=lambda each: (each.met.high, each.met.value, each.name))
    failed = worst is not None and worst.met.value < job.settings.above
    job.write([] if worst is None or not failed else of_cell(prompts, worst))
    return {
        CELL: None if worst is None else worst.name,
        "cell_judged": None if worst is None else asdict(worst),
        "cells": [asdict(each) for each in ranked if each.answers >= job.settings.least][:SHOWN],
        "failed": failed,
    }


def of_cell(prompts: Sequence[Prompt], cell: Cell) -> list[Prompt]:
    """The prompts of a cell, each with its principle and its kind."""
    kinds = kinds_of(prompts)
    told = {CELL: cell.principle, CELL_KIND: cell.kind}
    return [
        replace(each, meta={**each.meta, **told}) for each in prompts if cell.kind in kinds.get(each.id, ())
    ]


def forecast(job: Job) -> list[Prompt]:
    """Return as many prompts as the largest cell may have: which one it is nobody knows before it is judged."""
    drawn: list[tuple[Prompt, Completion]] = job.value("completions")
    prompts = list({prompt.id: prompt for prompt, _ in drawn}.values())
    first = job.constitution.principles[0].id
    return [replace(each, meta={**each.meta, CELL: first}) for each in prompts]


def halts(job: RunJob, facts: Facts) -> str | None:
    """Return that there is nothing to fix, or None."""
    if facts["failed"]:
        return None
    if facts[CELL] is None:
        return (
            f"no cell of principle and kind of prompt has {job.settings.least} answers that the judge read; draw more, "
            "or lower least"
        )
    return f"the worst cell, {facts[CELL]}, is followed in {facts['cell_judged']['met'][0]:.0%}: nothing is to be fixed"


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return the cell, and how far the judge says that it is followed."""
    if not facts:
        return {}
    judged = facts["cell_judged"]
    return {"worst_cell": facts[CELL], "worst_cell_judged": None if judged is None else judged["met"][0]}


COLUMNS: Mapping[str, Any] = {"worst_cell": None, "worst_cell_judged": None}
STEP = Step(
    name="worst-cell",
    help="The principle and the kind of prompt that answers fail most together, by a judge: the prompts of that cell.",
    settings=WorstCellSettings,
    needs=(("completions",), ("judgments",)),
    makes="prompts",
    make=make,
    forecast=forecast,
    halts=halts,
    columns=COLUMNS,
    row=row,
)
