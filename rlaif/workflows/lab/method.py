"""A way of optimising against a proxy, as the lab measures it: everything that is particular to one, in one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rlaif.auditing.overoptimisation import Form
from rlaif.workflows.lab.bench import CellBench, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class LabMethod:
    """One way."""

    name: str
    form: Form
    """Which of Gao's curves it is fitted by."""
    run: Callable[[CellBench], Mapping[str, Any]]
    """Optimise and measure: the points of the curve, and what else is worth keeping."""
    work: Callable[[Any], Work]
    """With a `LabConfig`: what a cell draws, scores and learns, for the forecast."""
    whole_grid: bool = False
    """Whether it is drawn in every cell of the grid, and not in the middle one alone."""
    online: bool = False
    """Whether it learns from rollouts, so that a judge can be its reward."""
