"""`rlaif lab table`: cell by cell, each kept when it is done, then one table of all that there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.engines.fingerprint import model_fingerprint
from rlaif.errors import RunError
from rlaif.libraries.versions import TRAINING, require
from rlaif.plain_files import read_json
from rlaif.review.table_report import write_table
from rlaif.runs.claim import claim
from rlaif.runs.layout import REPORT, TABLE
from rlaif.shipped import MODELS, shipped_model
from rlaif.store import Store
from rlaif.workflows.lab.table.cell import TableCell
from rlaif.workflows.lab.table.config import OPENED, TableConfig, settled
from rlaif.workflows.lab.table.forecast import TablePace, total_seconds
from rlaif.workflows.lab.table.grid import cells, chosen, not_played
from rlaif.workflows.lab.table.play import key_of, play
from rlaif.workflows.lab.table.result import summed
from rlaif.workflows.lab.table.settings import table_settings
from rlaif.workflows.lab.table.tables import grids, markdown
from rlaif.workflows.lab.table.world import TableWorld
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.progress import Report, silent

COMMAND = "lab table"
MARKDOWN, STORE = "table.md", "measured.sqlite"
MEASURED = ("measured", "draws", "quick")
"""Options that say what a figure is: a table with others is another one. The rest says how much of it is played."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFound:
    """The table as far as it was played."""

    out: Path
    result: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"out": str(self.out), **self.result}


def plan(config: TableConfig) -> tuple[list[str], dict[str, Any]]:
    """What would be played and how long it would take, for `--dry-run`. Opens no model."""
    config = settled(config)
    listed = list(cells(config))
    missing = [each for each in listed if _record(config, each) is None]
    seconds = total_seconds(missing, quick=config.quick)
    limits = table_settings().budget
    lines = [
        "budget of a recipe: "
        + ", ".join(f"{most:,} {name.replace('_', ' ')}" for name, most in limits.items()),
        *(f"tried: {each.name}: {told}" for each in chosen(config) for told in each.tried),
        *(f"cell: {each.name}" for each in missing),
        *(
            f"n/a: {column}, {each.name}: {why}"
            for column in config.columns
            for each in chosen(config)
            if (why := not_played(each, column)) is not None
        ),
        f"forecast: {TablePace(left=missing, quick=config.quick).sentence} ({len(listed) - len(missing)} are done)",
    ]
    return lines, {"cells": [each.name for each in missing], "seconds": round(seconds)}


def lab_table(config: TableConfig, *, say: Say, progress: Report = silent) -> TableFound:
    """Play what is missing, and write the table of all that there is."""
    require(*TRAINING)
    config = settled(config)
    listed = list(cells(config))
    with claim(config.out, _identity(config), command=COMMAND) as held:
        with Store.open(config.out / STORE) as store:
            models = ModelPool(OPENED, progress, config.seed)
            models.record(store, held.id)
            try:
                _play(listed, TableWorld(config=config, models=models), say, progress)
            finally:
                models.close()
        result = _write(config)
        held.finish({"cells": len(listed)})
    return TableFound(out=config.out, result=result)


def _play(listed: list[TableCell], world: TableWorld, say: Say, progress: Report) -> None:
    config = world.config
    missing = [each for each in listed if _record(config, each) is None]
    pace = TablePace(left=list(missing), quick=config.quick)
    if missing:
        held = len(listed) - len(missing)
        say(f"table: {pace.sentence}" + (f"; {held} are done" if held else ""))
    for cell in missing:
        found = play(cell, world, config.out, progress)
        record = {"cell": asdict(cell), "key": key_of(cell, config), **found}
        write_text(_file(config.out, cell), json.dumps(record) + "\n")
        # whoever stops the command has the table of what is finished
        _write(config)
        pace.after(cell, found["seconds"])
        told = f"failed: {found['failed']}" if "failed" in found else "is done"
        say(f"table: {cell.name} {told}; {pace.sentence}" if pace.left else f"table: {cell.name} {told}")


def _write(config: TableConfig) -> dict[str, Any]:
    """The table as data, text and a page."""
    records = [each for path in sorted((config.out / "cells").glob("*.json")) if (each := _read(path))]
    known = table_settings().played
    records = [each for each in records if each["cell"]["recipe"] in known]
    result = {**summed(records), "quick": config.quick, "measured": config.measured, "draws": config.draws}
    write_text(config.out / TABLE, json.dumps(result, indent=1) + "\n")
    write_text(config.out / MARKDOWN, markdown(result))
    write_table(result, grids(result), config.out / REPORT)
    return result


def _file(out: Path, cell: TableCell) -> Path:
    return out / "cells" / f"{cell.name}.json"


def _record(config: TableConfig, cell: TableCell) -> Mapping[str, Any] | None:
    """The record of a cell; None where there is none, or one of another recipe text or size: that is played again."""
    path = _file(config.out, cell)
    if not path.is_file():
        return None
    found = _read(path)
    return found if found["key"] == key_of(cell, config) else None


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(path, RunError, "remove it, and the same command plays it again")
    return found


def _identity(config: TableConfig) -> dict[str, Any]:
    """What is measured. More columns, recipes and seeds are the same table, with more cells."""
    own = {name: getattr(config, name) for name in MEASURED}
    weights = {name: folder for name in MODELS if (folder := shipped_model(name)) is not None}
    return {**own, "models": {name: model_fingerprint(folder) for name, folder in weights.items()}}
