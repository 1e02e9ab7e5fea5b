"""Each principle before and after: of rounds, of an evaluation against each other model; of pairs, by the judge."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.errors import InputError
from rlaif.exchange.pairs import read_pairs
from rlaif.review.gathered import gather
from rlaif.review.panels import ChangePanel, IntervalPanel
from rlaif.review.plots.panel_axes import panel_plot
from rlaif.review.plots.plot import PlotSource
from rlaif.review.principle_panels import of_evaluation, of_pairs, of_rounds
from rlaif.review.round_charts import read_rounds
from rlaif.runs.claim import read_facts
from rlaif.runs.layout import is_run, pair_files


def _read(source: PlotSource) -> Sequence[ChangePanel | IntervalPanel]:
    run = source.run
    found: list[ChangePanel | IntervalPanel] = [*of_rounds(read_rounds(run))]
    if not found and is_run(run):
        found += of_evaluation(read_facts(run).get("summary") or {})
    if not found:
        found += of_pairs(gather(pair for path in pair_files(run) for pair in read_pairs(path)))
    if not found:
        raise InputError(
            f"{run}: nothing is known by principle; an evaluation with gold has it (`rlaif evaluate --gold --out "
            "DIR`), and so has a run of a recipe"
        )
    return found


PLOT = panel_plot(
    name="principles",
    help="each principle before and after; of pairs alone, by the judge",
    of="a run of a recipe, an evaluation with gold, or a run with pairs",
    read=_read,
)
