"""How long answers are: of the sides of pairs, of the rounds of a recipe, of the models of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.errors import InputError
from rlaif.exchange.pairs import read_pairs
from rlaif.review.answer_lengths import answer_lengths
from rlaif.review.distributions import length_panels
from rlaif.review.gathered import gather
from rlaif.review.panels import HistogramPanel, LinePanel
from rlaif.review.plots.panel_axes import panel_plot
from rlaif.review.plots.plot import PlotSource
from rlaif.review.round_charts import length_by_round, read_rounds
from rlaif.runs.layout import pair_files


def _read(source: PlotSource) -> Sequence[LinePanel | HistogramPanel]:
    run = source.run
    by_round = length_by_round(read_rounds(run))
    pairs = length_panels(gather(pair for path in pair_files(run) for pair in read_pairs(path)))
    found: list[LinePanel | HistogramPanel] = [*([] if by_round is None else [by_round]), *pairs]
    found += [] if pairs else answer_lengths(run)
    if not found:
        raise InputError(
            f"{run}: has neither pairs nor completions; `rlaif generate --out {run}` or `rlaif evaluate --out` "
            "make them"
        )
    return found


PLOT = panel_plot(
    name="length",
    help="words of both sides of pairs, of rounds, or of the answers of each model",
    of="a run with pairs, a run of a recipe, or an evaluation",
    read=_read,
)
