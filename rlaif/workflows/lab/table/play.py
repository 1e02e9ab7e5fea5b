"""Playing a cell: the recipe runs with the cell's judge and seed, and what it trained is measured."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.errors import BudgetError, EngineError, RecipeError, RlaifError, ThresholdError
from rlaif.hashing import digest, digest_files
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.lab.table.accuracy import judge_figures
from rlaif.workflows.lab.table.baselines import play_direct
from rlaif.workflows.lab.table.cell import TableCell
from rlaif.workflows.lab.table.columns import COLUMNS
from rlaif.workflows.lab.table.config import OPENED, TableConfig
from rlaif.workflows.lab.table.label_error import label_error
from rlaif.workflows.lab.table.settings import POLICY, PlayedRecipe, table_settings
from rlaif.workflows.lab.table.spent import spent
from rlaif.workflows.lab.table.world import MeasuredOn, TableWorld
from rlaif.workflows.progress import Report
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.recipes import load_recipe
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.run import run
from rlaif.workflows.recipe.table import newest_models

MEASURING = 1.5
"""Calls of a command for one of the budget: those of a recipe's own measuring are counted there, and not here."""
SECONDS = "seconds"
"""The file that keeps what an interrupted cell took so far."""
LEAST_MEASURED = "2"
"""Prompts of a recipe's own measuring, which the table does not use."""


def run_config(cell: TableCell, config: TableConfig, work: Path) -> RunConfig:
    """The run of a cell, in a directory and with a store of its own: what it spends is not found elsewhere."""
    played = table_settings().played[cell.recipe]
    judge = COLUMNS[cell.column].judge
    overrides = played.with_judge(judge) if not config.quick else _quick(played, judge)
    listed = load_recipe(played.recipe, overrides, quick=config.quick)
    small = {
        f"round.{place}.prompts": LEAST_MEASURED
        for place, entry in enumerate(listed.round)
        if STEPS.get(entry.step).measures and hasattr(entry.settings, "prompts")
    }
    limits = table_settings().budget
    calls, tokens = limits["answers"] + limits["judge_calls"], limits["tokens"]
    return RunConfig(
        workers=OPENED.workers,
        store=work / "store.sqlite",
        budget={"calls": MEASURING * calls, "tokens": MEASURING * tokens},
        recipe=played.recipe,
        out=work / "run",
        # a judge whose answers fail must not stop what its failing is to show
        overrides={**overrides, **small, "stop.unreadable_share": "1.0"},
        quick=config.quick,
        seed=cell.seed,
    )


def _quick(played: PlayedRecipe, judge: str) -> dict[str, str]:
    own = played.with_judge(judge)
    return {name: value for name, value in own.items() if name.startswith("models.")}


def key_of(cell: TableCell, config: TableConfig) -> str:
    """What a record is of: another recipe text, size or judge makes another one."""
    played = table_settings().played[cell.recipe]
    text = played.draws or digest_files([Path(load_recipe(played.recipe).source)])
    return digest(
        "table cell",
        text,
        played.with_judge(COLUMNS[cell.column].judge),
        [played.measures, played.protocol, played.tag],
        [config.measured, config.draws, config.quick],
        cell.seed,
    )


def play(cell: TableCell, world: TableWorld, root: Path, progress: Report) -> dict[str, Any]:
    """The figures of a cell. Where its recipe ends for a reason of its own, the reason.

    Raises DiskError where the disk is full: what the recipe finished is kept, and the same command goes on.
    """
    if draws := table_settings().played[cell.recipe].draws:
        return play_direct(draws, cell, world)
    work = root / "work" / cell.name
    with counted_seconds(work) as seconds:
        found, policy = _run(cell, world, work, progress)
    found["seconds"] = seconds()
    world.models.release_all_but([policy])
    shutil.rmtree(work, ignore_errors=True)
    return found


@contextmanager
def counted_seconds(work: Path) -> Iterator[Callable[[], float]]:
    """Processor seconds of the block, with those of earlier commands that were interrupted in it."""
    file, began = work / SECONDS, time.process_time()
    before = float(file.read_text(encoding="utf-8")) if file.is_file() else 0.0

    def seconds() -> float:
        return round(before + time.process_time() - began, 1)

    try:
        yield seconds
    except BaseException:
        with suppress(RlaifError):  # what stopped the block is to be told, and not that
            write_text(file, str(seconds()))
        raise


def _run(cell: TableCell, world: TableWorld, work: Path, progress: Report) -> tuple[dict[str, Any], str]:
    """The figures of a cell without its seconds, and the name of its first policy."""
    config = world.config
    prepared = prepare_recipe(run_config(cell, config, work))
    try:
        done = run(prepared, progress)
        if done.unmet is not None:
            found: dict[str, Any] = {"failed": done.unmet}
        else:
            found = _measured(cell, prepared, world)
        found |= {"spent": spent(prepared, prepared.config.out)}
        found |= _overspent(found["spent"])
        known = [each for own in prepared.prompts.values() for each in own]
        found |= {"labels": label_error(prepared.config.out, known, prepared.constitution)}
    except BudgetError:
        found = {"failed": "it needs more than the budget", "spent": spent(prepared, prepared.config.out)}
    # the recipe's own end: no pair, no reward; whatever else goes wrong is the command's
    except (ThresholdError, EngineError, RecipeError) as wrong:
        found = {"failed": _one_line(str(wrong), work), "spent": spent(prepared, prepared.config.out)}
    return found, prepared.recipe.models.policy


def _measured(cell: TableCell, prepared: PreparedRecipe, world: TableWorld) -> dict[str, Any]:
    played = table_settings().played[cell.recipe]
    asked = MeasuredOn.of(prepared, world.config.measured)
    newest = newest_models(prepared, prepared.recipe.rounds + 1, ())
    if played.measures == POLICY:
        return world.policy(newest[POLICY], asked, cell.seed, tag=played.tag)
    trained, first = newest.get(played.measures), prepared.recipe.models.by_role().get(played.measures)
    if trained is None:  # a role that the recipe does not have: what its last training made
        last = [each for each in prepared.tasks if each.makes is not None and each.makes.kind == "model"][-1]
        assert last.makes is not None
        trained = STEPS.get(last.entry.step).stands(last.entry, str(prepared.config.out / last.makes.path))
    return judge_figures(world, trained, first, asked, played.protocol)


def _overspent(used: Mapping[str, int]) -> dict[str, str]:
    """Why a cell does not count: it spent more than all may."""
    over = [(name, most) for name, most in table_settings().budget.items() if used[name] > most]
    told = [f"{used[name]:,} {name.replace('_', ' ')} of {most:,}" for name, most in over]
    return {"failed": f"it spent {', '.join(told)}"} if told else {}


def _one_line(text: str, work: Path) -> str:
    return " ".join(text.replace(f"{work}/", "").split())
