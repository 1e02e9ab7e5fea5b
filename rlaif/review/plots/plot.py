"""A kind of plot: everything that is particular to one, in one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One kind: `rlaif plot RUN NAME`."""

    name: str
    help: str
    """One line: what it shows."""
    of: str
    """What kind of directory it is drawn of, in words."""
    read: Callable[[Path], Any]
    """The data of a run. Raises InputError, with the remedy, where there are none."""
    draw: Callable[[Any, Any], None]
    """Called with the data and a matplotlib figure that has the style."""
    rows: Callable[[Any], int] = lambda _: 1
    """Rows of axes that these data want."""
    columns: int = 1
    """Axes beside each other."""
