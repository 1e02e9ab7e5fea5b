"""What a played recipe spent: answers drawn, calls of a judge and tokens, told by the notes of its steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rlaif.runs.layout import step_note
from rlaif.workflows.recipe.online_step import draws_rollouts
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.task import Task

WRITTEN = ("completions", "prompts")
"""What steps make whose calls write texts, and judge none."""


def spent(prepared: PreparedRecipe, run: Path) -> dict[str, int]:
    """Answers, judge calls and tokens of all steps but those that measure; rollouts of a training are answers too."""
    total = {"answers": 0, "judge_calls": 0, "tokens": 0}
    for task in prepared.tasks:
        note = step_note(run, task.name)
        if STEPS.get(task.entry.step).measures or not note.is_file():
            continue
        used = json.loads(note.read_text(encoding="utf-8")).get("spent") or {}
        writes = task.makes is not None and task.makes.kind in WRITTEN
        total["answers" if writes else "judge_calls"] += int(used.get("calls") or 0)
        total["answers"] += _rollouts(task)
        total["tokens"] += int(used.get("tokens") or 0)
    return total


def _rollouts(task: Task) -> int:
    settings: Any = task.entry.settings
    if not STEPS.get(task.entry.step).trains or not draws_rollouts(settings):
        return 0
    own = settings.options
    return int(own.n * own.batch_size * own.steps)
