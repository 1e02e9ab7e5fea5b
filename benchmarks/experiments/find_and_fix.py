"""Find and fix: the worst cell of principle x kind of prompt by the judge, mended; what became of it and of the others.

    python benchmarks/experiments/find_and_fix.py

The recipe `find-and-fix` is run for each seed. The cell is found on training prompts by the judge; gold measures it,
and all others, on held-out prompts before and after: the cell is not chosen by the figures that it is judged by.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from micro_pool import bundled
from results import Results, options

from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run


def changes(rows: list[dict[str, Any]], least: int) -> dict[str, Any]:
    """The cell that was found before and after by gold, and which others left their interval of before.

    A cell of fewer than `least` held-out answers says nothing and is left out.
    """
    before, after = (
        {name: own for name, own in row["cells"].items() if own["answers"] >= least}
        for row in (rows[0], rows[-1])
    )
    cell = rows[-1]["worst_cell"]
    others = [name for name in before if name in after and name != cell]
    return {
        "cell": cell,
        "judged before": rows[-1]["worst_cell_judged"],
        "before": _met(before, cell),
        "after": _met(after, cell),
        "others": len(others),
        "others below": sum(after[name]["met"] < before[name]["low"] for name in others),
        "others above": sum(after[name]["met"] > before[name]["high"] for name in others),
        "gold before": rows[0]["gold_mean"],
        "gold after": rows[-1]["gold_mean"],
        "kl": rows[-1]["kl"],
    }


def _met(cells: Mapping[str, Mapping[str, float]], name: str) -> float | None:
    return cells[name]["met"] if name in cells else None


def run_once(work: Path, seed: int, overrides: Mapping[str, str], least: int) -> dict[str, Any]:
    """Run the recipe, and read its table."""
    out = work / f"find-and-fix-{seed}"
    config = RunConfig(
        recipe="find-and-fix",
        out=out,
        overrides={"seed": str(seed), **overrides},
        store=work / "store.sqlite",
    )
    done = run(prepare_recipe(config))
    found = changes([dict(each) for each in done.rounds], least)
    shutil.rmtree(out / "models", ignore_errors=True)
    return found


def main() -> None:
    """Run each seed; print the rows."""
    parser = options(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--least", type=int, default=12, help="held-out answers of a cell that is looked at")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the recipe; repeatable")
    chosen = parser.parse_args()
    overrides = dict(each.split("=", 1) for each in chosen.set)
    setting = {"least": chosen.least, **overrides, "models": bundled()}
    results = Results("find_and_fix", setting, chosen.results)
    chosen.work.mkdir(parents=True, exist_ok=True)
    rows = [
        results.row({"seed": seed}, partial(run_once, chosen.work, seed, overrides, chosen.least))
        for seed in range(chosen.seeds)
    ]
    known = [each for each in rows if each["before"] is not None and each["after"] is not None]
    gains = [each["after"] - each["before"] for each in known]
    if len(gains) > 1:
        results.criterion(method="Find and fix",
                          criterion="gold of the cell that the judge found, after less before",
                          values=gains, rule="above 0", model="micro")  # fmt: skip
        results.criterion(method="Find and fix",
                          criterion="share of the other cells that fell below their interval",
                          values=[each["others below"] / max(1, each["others"]) for each in rows],
                          rule="at most 0.05", model="micro")  # fmt: skip
    results.save(seeds=len(rows), cells=json.loads(json.dumps([each["cell"] for each in rows])))


if __name__ == "__main__":
    main()
