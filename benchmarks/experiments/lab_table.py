"""Which recipe beats its start under which judge: what `rlaif lab table` has played so far, kept for the pages.

    rlaif lab table --out runs/table
    python benchmarks/experiments/lab_table.py --table runs/table

Gathers the cells of a table that is played, or half played, and plays nothing. Gold measures and decides nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import Any

from results import Results, options

from rlaif.workflows.lab.table.columns import GOOD
from rlaif.workflows.lab.table.result import summed

LEAST = 14
"""Policy recipes that are to beat their start under the good judge."""
KEPT = ("kl", "words", "start_words", "spent", "labels", "seconds", "failed")


def shortened(record: dict[str, Any]) -> dict[str, Any]:
    """A record without its prompts: their means."""
    means = {
        name: round(fmean(record[name].values()), 4)
        for name in ("start", "by_prompt", "won")
        if record.get(name)
    }
    return {**means, **{name: record[name] for name in KEPT if name in record}}


def main() -> None:
    """Read the cells, and write rows, figures and the condition."""
    parser = options(__doc__)
    parser.add_argument("--table", type=Path, required=True, help="what `rlaif lab table --out` wrote")
    chosen = parser.parse_args()
    files = sorted((chosen.table / "cells").glob("*.json"))
    records = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    held = json.loads((chosen.table / "table.json").read_text(encoding="utf-8"))
    setting = {name: held[name] for name in ("measured", "draws", "quick", "budget")}
    results = Results("lab_table", setting, chosen.results)
    # of a table that went on, the rows of before are in its cells too
    results.rows = {}
    for record in records:
        results.row(record["cell"], lambda record=record: shortened(record))
    result = summed(records)
    seeds = {each["cell"]["seed"] for each in records if each["cell"]["column"] == GOOD}
    beat = len(result["beat"].get(GOOD, ()))
    results.criterion(
        method="All recipes",
        criterion="policy recipes that beat their start under the good judge, of those that were measured, after Holm",
        values=[float(beat)],
        rule=f"at least {LEAST}",
        interval=(float(beat), float(beat)),
        model="micro",
        command="python benchmarks/experiments/lab_table.py --table runs/table",
        note=f"{len(records)} cells, seeds {', '.join(map(str, sorted(seeds)))}; what each recipe reaches stands in "
        "docs/lab-table.md",
    )
    results.save(**result)


if __name__ == "__main__":
    main()
