"""The two ends of a run: the policy that it began with and the last one, by the answers that were measured of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.auditing.intervals import Resampling
from rlaif.errors import RlaifError
from rlaif.exchange.measured import read_measured
from rlaif.runs.layout import MEASURED
from rlaif.workflows.evaluation.helped import ComparisonNames, helped
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.recipe import INITIAL, PREVIOUS
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.task import Task, file_of

POLICY = "policy"
"""What files of measured answers call the policy."""


def changed(prepared: PreparedRecipe, run: Path, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What changed between both ends, by the last measuring step; see `rlaif.workflows.evaluation.helped`.

    Nothing where that step ran in one round only, or kept no answers, as steps of other packages and of older versions.
    """
    measuring = [each for each in prepared.tasks if STEPS.get(each.entry.step).measures]
    own = [_file(each) for each in measuring if each.entry is measuring[-1].entry]
    files = [each for each in own if (run / each).is_file()]
    if len(files) < 2 or files[0] != own[0]:
        return {}
    try:
        before, after = read_measured(run / files[0]), read_measured(run / files[-1])
    except RlaifError:  # what somebody has edited since is no reason to lose the end of a run
        return {}
    recipe, rules = prepared.recipe, prepared.constitution
    # who judges both ends is the judge that the run began with
    judge = recipe.models.policy if recipe.models.judge == PREVIOUS else recipe.models.judge
    return helped(
        before,
        after,
        named=ComparisonNames(judge, f"{rules.name} {rules.version}", INITIAL),
        resampling=Resampling(seed=recipe.seed),
        won=(rows[-1].get("against") or {}).get(INITIAL),
        kl=rows[-1].get("kl"),
        answers=((files[0], POLICY), (files[-1], POLICY)),
    )


def _file(task: Task) -> str:
    stem, _, suffix = MEASURED.rpartition(".")
    return file_of(task.entry, task.round, stem, f".{suffix}")
