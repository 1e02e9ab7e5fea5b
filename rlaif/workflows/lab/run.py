"""`rlaif lab overoptimize`: cell by cell, each kept when it is done, then curves, fits and tables."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.engines.fingerprint import model_fingerprint
from rlaif.errors import RunError
from rlaif.hashing import digest
from rlaif.libraries.versions import TRAINING, require
from rlaif.plain_files import read_json
from rlaif.review.lab_report import write_lab
from rlaif.review.plots import draw_plot
from rlaif.review.plots.plot import PlotSource
from rlaif.runs.claim import claim
from rlaif.runs.identity import described_constitution, described_prompts
from rlaif.runs.layout import LAB, REPORT
from rlaif.store import Store, find_store
from rlaif.workflows.lab import tables
from rlaif.workflows.lab.bench import CellBench
from rlaif.workflows.lab.cell import LabCell
from rlaif.workflows.lab.config import LabConfig, settled
from rlaif.workflows.lab.forecast import LabPace
from rlaif.workflows.lab.grid import cells
from rlaif.workflows.lab.methods import METHODS
from rlaif.workflows.lab.result import summed
from rlaif.workflows.lab.world import LabInputs, LabWorld, read_inputs
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.usage import usage
from rlaif.workflows.progress import Report, silent

COMMAND = "lab overoptimize"
TABLES, CURVES, BEST_OF_N = "tables.md", "curves.svg", "best-of-n-kl.svg"
PLOT, KL_PLOT = "over-optimisation", "best-of-n-kl"
_HOW = tuple(
    name
    for name in (
        "dtype",
        "device",
        "device_map",
        "batch_tokens",
        "store",
        "on",
        "workers",
        "budget",
        "prices",
        "out",
    )
)
"""Options that say how, and not what is measured."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabFound:
    """What the lab found."""

    out: Path
    result: Mapping[str, Any]
    costs: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """As JSON, without the curves, which `lab.json` has."""
        groups = [{k: v for k, v in each.items() if k != "curves"} for each in self.result["groups"]]
        return {"out": str(self.out), **self.result, "groups": groups, "costs": dict(self.costs)}


def plan(config: LabConfig) -> tuple[list[str], dict[str, Any]]:
    """What would be measured and how long it would take, for `--dry-run`. Opens no model."""
    settled_config = settled(config)
    inputs = read_inputs(settled_config)
    listed = list(cells(settled_config))
    pace = LabPace.of(listed, settled_config)
    lines = [
        f"measured: {len(inputs.measured)} prompts, by {inputs.gold_by}",
        *(f"cell: {each.name}" for each in listed),
        f"forecast: {pace.sentence}",
    ]
    told = {"cells": [each.name for each in listed], "seconds": round(pace.seconds_left)}
    return lines, told


def overoptimize(config: LabConfig, *, say: Say, progress: Report = silent) -> LabFound:
    """Measure what is missing, and draw it all. Raises InputError for a lab without gold, before anything is drawn."""
    require(*TRAINING)
    config = settled(config)
    inputs = read_inputs(config)
    listed = list(cells(config))
    with (
        claim(config.out, _identity(inputs), command=COMMAND) as run,
        Store.open(find_store(config.out, config.store)) as store,
    ):
        models = ModelPool(config, progress, config.seed)
        models.record(store, run.id)
        world = LabWorld(inputs=inputs, models=models)
        try:
            _measure(listed, world, say, progress)
            costs = usage(models, store, ())
        finally:
            models.close()
        result = summed([_held(config.out, each) for each in listed], inputs.gold_by, seed=config.seed)
        result["quick"] = config.quick
        _write(result, config)
        run.finish({"cells": len(listed), "gold_by": inputs.gold_by})
    return LabFound(out=config.out, result=result, costs=costs)


def _write(result: Mapping[str, Any], config: LabConfig) -> None:
    """The result as data, tables, pictures and a page of all of them."""
    out, command = config.out, "rlaif lab overoptimize" + (" --quick" if config.quick else "")
    write_text(out / LAB, json.dumps(result, indent=1) + "\n")
    write_text(out / TABLES, tables.markdown(result, command))
    held = PlotSource(run=out)
    draw_plot(held, PLOT, out / CURVES)
    if result["best_of_n_kl"]:
        draw_plot(held, KL_PLOT, out / BEST_OF_N)
    write_lab(result, tables.grids(result), out / REPORT)


def _measure(listed: list[LabCell], world: LabWorld, say: Say, progress: Report) -> None:
    """Run the cells that have no record yet."""
    config = world.config
    missing = [each for each in listed if not _file(config.out, each).is_file()]
    pace = LabPace.of(missing, config)
    if missing:
        held = len(listed) - len(missing)
        say(f"lab: {pace.sentence}" + (f"; {held} are done" if held else ""))
    for cell in missing:
        began = time.monotonic()

        def told(step: int, steps: int, figures: Mapping[str, float], name: str = cell.name) -> None:
            progress(name, step, steps)

        bench = CellBench(world=world, cell=cell, root=config.out, progress=told)
        found = METHODS[cell.method].run(bench)
        record = {"cell": asdict(cell), "accuracy": bench.accuracy(), **found}
        record["seconds"] = round(time.monotonic() - began, 1)
        write_text(_file(config.out, cell), json.dumps(record) + "\n")
        pace.after(cell, record["seconds"])
        if pace.left:
            say(f"lab: {cell.name} is done; {pace.sentence}")


def _file(out: Path, cell: LabCell) -> Path:
    return out / "cells" / f"{cell.name}.json"


def _held(out: Path, cell: LabCell) -> dict[str, Any]:
    found: dict[str, Any] = read_json(
        _file(out, cell), RunError, "remove it, and the same command measures it again"
    )
    return found


def _identity(inputs: LabInputs) -> dict[str, Any]:
    """What is measured: another grid, policy, constitution or prompt is another lab."""
    config = inputs.config
    own = {name: value for name, value in asdict(config).items() if name not in _HOW}
    return {
        **own,
        "policy_weights": model_fingerprint(inputs.policy_dir, own_code=config.trust_remote_code),
        "constitution": described_constitution(inputs.constitution),
        "trained_prompts": digest("lab prompts", described_prompts(inputs.prompts)),
        "measured_prompts": digest("lab prompts", described_prompts(inputs.measured)),
    }
