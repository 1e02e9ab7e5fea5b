"""A kind of plot: everything that is particular to one, in one value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from rlaif.auditing.audit import Audit
    from rlaif.auditing.calibration import Bin

WIDTH, HEIGHT = 4.2, 3.2
"""Inches of one pair of axes."""


class PlotSize(NamedTuple):
    """Inches of a whole picture."""

    width: float
    height: float


def _no_bins() -> Sequence[Bin]:
    return ()


def _no_audit() -> Audit | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotSource:
    """What a picture is drawn of: a run, and what must be worked out from it, which is done when it is asked for."""

    run: Path
    bins: Callable[[], Sequence[Bin]] = _no_bins
    """The labels of its pairs against what people or gold say; empty where nobody says anything."""
    audit: Callable[[], Audit | None] = _no_audit
    """Its audit; None where it has no pairs."""


def one_pair_of_axes(_: Any) -> PlotSize:
    """The size of a picture with one pair of axes."""
    return PlotSize(WIDTH, HEIGHT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One kind: `rlaif plot RUN NAME`."""

    name: str
    help: str
    """One line: what it shows."""
    of: str
    """What kind of directory it is drawn of, in words."""
    read: Callable[[PlotSource], Any]
    """The data of a run. Raises InputError, with the remedy, where there are none."""
    draw: Callable[[Any, Any], None]
    """Called with the data and a matplotlib figure that has the style."""
    size: Callable[[Any], PlotSize] = one_pair_of_axes
    """How large the picture of these data is."""
