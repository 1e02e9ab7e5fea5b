"""What labels say against what is true: of a judge check, or of a run whose pairs people or gold decided."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.errors import InputError
from rlaif.review.distributions import calibration_panel
from rlaif.review.panels import CalibrationPanel
from rlaif.review.plots.panel_axes import panel_plot
from rlaif.review.plots.plot import PlotSource
from rlaif.review.recorded_check import check_calibration, read_check


def _read(source: PlotSource) -> Sequence[CalibrationPanel]:
    run = source.run
    if (told := read_check(run)) is not None:
        if not told["calibration"].get("bins"):
            raise InputError(
                f"{run}: {told['judge']} gives no probability on {told['gold']}; there is nothing to plot: "
                "ask by a protocol that reads one (--protocol compare)"
            )
        return [check_calibration(told)]
    bins = source.bins()
    if not bins:
        raise InputError(
            f"{run}: no truth is known of its pairs; decide some by `rlaif review {run}`, or name a judge check: "
            "`rlaif judge check --out DIR` makes one"
        )
    return [calibration_panel(bins)]


PLOT = panel_plot(
    name="calibration",
    help="how often labels are right, by the probability that they say",
    of="a judge check, or a run whose pairs people or gold decided",
    read=_read,
)
