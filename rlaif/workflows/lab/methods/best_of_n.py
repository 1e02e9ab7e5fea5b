"""Best of n by the proxy: no training, the draws of the first policy alone (2210.10760)."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum, sqrt
from typing import Any

from rlaif.auditing.overoptimisation import best_of_n, best_of_n_kl, check_best_of_n_kl
from rlaif.workflows.lab.bench import CellBench, Work, rounded
from rlaif.workflows.lab.config import LabConfig
from rlaif.workflows.lab.method import LabMethod

ROOM = 4
"""Draws for each n that is measured: of n = N there is one choice, and no estimate."""


def counts(draws: int) -> list[int]:
    """1, 2, 4 ... up to a quarter of the draws."""
    found = [1]
    while found[-1] * 2 * ROOM <= draws:
        found.append(found[-1] * 2)
    return found


def _run(bench: CellBench) -> Mapping[str, Any]:
    groups = bench.scored_draws()
    points = []
    kl = []
    for n in counts(bench.config.best_of):
        gold = [
            best_of_n([each.proxy for each in group], [each.gold for each in group], n) for group in groups
        ]
        proxy = [
            best_of_n([each.proxy for each in group], [each.proxy for each in group], n) for group in groups
        ]
        points.append(
            {
                "n": n,
                "distance": sqrt(best_of_n_kl(n)),
                "kl": best_of_n_kl(n),
                "gold": rounded(gold),
                "proxy": fsum(proxy) / len(proxy),
            }
        )
        for name, rows in (
            ("proxy", [[each.proxy for each in group] for group in groups]),
            # gold as its own proxy has few values, and so many ties
            ("gold", [[each.gold for each in group] for group in groups]),
        ):
            if n > 1:
                checked = check_best_of_n_kl(rows, n)
                kl.append(
                    {"by": name, "n": n, "formula": checked.formula, "measured": list(checked.measured)}
                )
    return {"points": points, "best_of_n_kl": kl}


def _work(config: LabConfig) -> Work:
    return Work(scored=config.measured * config.best_of)


METHOD = LabMethod(name="best-of-n", form="best-of-n", run=_run, work=_work, whole_grid=True)
