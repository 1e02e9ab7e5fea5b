"""How long the table will take: by what its recipes do, and, once some cells are done, by how long these took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rlaif.workflows.lab.forecast import clock
from rlaif.workflows.lab.table.cell import TableCell
from rlaif.workflows.lab.table.settings import table_settings

QUICK_SECONDS = 25.0
"""Of a recipe's quick form."""


def seconds_of(cell: TableCell, *, quick: bool) -> float:
    """Seconds of one core that a cell took when its sizes were chosen."""
    played = table_settings().played[cell.recipe]
    return QUICK_SECONDS if quick and not played.draws else played.seconds


@dataclass(slots=True)
class TablePace:
    """What is left, by what was done."""

    left: list[TableCell]
    quick: bool
    took: float = 0.0
    foreseen: float = 0.0
    done: list[str] = field(default_factory=list)

    def after(self, cell: TableCell, seconds: float) -> None:
        """A cell took so long."""
        self.took += seconds
        self.foreseen += seconds_of(cell, quick=self.quick)
        self.left.remove(cell)
        self.done.append(cell.name)

    @property
    def seconds_left(self) -> float:
        """Of what is left."""
        plain = total_seconds(self.left, quick=self.quick)
        return plain * (self.took / self.foreseen if self.foreseen else 1.0)

    @property
    def sentence(self) -> str:
        """In plain words."""
        basis = "by what the others took" if self.done else "of one core"
        return f"{len(self.left)} cells, about {clock(self.seconds_left)} {basis}"


def total_seconds(cells: Sequence[TableCell], *, quick: bool) -> float:
    """Seconds of all of them."""
    return sum(seconds_of(each, quick=quick) for each in cells)
