"""Position bias: whether the judge prefers what is shown first, and principles whose two orders disagree."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.errors import InputError
from rlaif.review.panels import IntervalPanel
from rlaif.review.plots.panel_axes import panel_plot
from rlaif.review.plots.plot import PlotSource
from rlaif.review.position import audit_position, check_position
from rlaif.review.recorded_check import read_check


def _read(source: PlotSource) -> Sequence[IntervalPanel]:
    run = source.run
    if (told := read_check(run)) is not None:
        found = check_position(told)
    else:
        audited = source.audit()
        found = [] if audited is None else audit_position(audited)
    if not found:
        raise InputError(
            f"{run}: no comparison was judged in both orders; judge by one that is (`rlaif judge {run} --protocol "
            "compare --out DIR`), or check the judge: `rlaif judge check --out DIR`"
        )
    return found


PLOT = panel_plot(
    name="position-bias",
    help="verdicts for what is shown first, and principles whose two orders disagree",
    of="a judge check, or a run with pairs that were judged in both orders",
    read=_read,
)
