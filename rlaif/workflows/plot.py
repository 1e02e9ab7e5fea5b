"""`rlaif plot`: pictures of a run, also of what must be worked out: its audit, and its labels against the truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlaif.review.plots import draw_plot, plots_of
from rlaif.review.plots.plot import Plot, PlotSource
from rlaif.runs.layout import newest_pairs, pair_files
from rlaif.workflows.audit.config import AuditConfig
from rlaif.workflows.report import reliability

if TYPE_CHECKING:
    from rlaif.auditing.audit import Audit


def plot(run: Path, kind: str, out: Path) -> None:
    """Draw one kind of picture of a run into a file.

    Raises InputError for an unknown kind or ending, and where the run has no data for it.
    """
    draw_plot(source_of(run), kind, out)


def kinds_of(run: Path) -> Sequence[Plot]:
    """The kinds of picture that a run has data for. Raises InputError for what is no directory."""
    return plots_of(source_of(run))


def source_of(run: Path) -> PlotSource:
    """A run as pictures see it; nothing is worked out until a picture asks for it."""
    return PlotSource(run=run, bins=lambda: reliability(run), audit=lambda: _audit(run))


def _audit(run: Path) -> Audit | None:
    if not pair_files(run):
        return None
    from rlaif.workflows.audit.run import audit

    return audit(AuditConfig(run=newest_pairs(run))).audit
