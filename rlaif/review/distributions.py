"""Charts of how a run's pairs are distributed: lengths, labels, margins, and label probabilities against the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rlaif.review.gathered import Gathered, histogram
from rlaif.review.panels import CalibrationPanel, HistogramPanel, all_inline, inline

if TYPE_CHECKING:
    from rlaif.auditing.calibration import Bin

BINS = 12
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def distributions(pairs: Gathered) -> list[str]:
    """Words of both sides, of their thoughts too where there are any, which side is longer, labels and score gaps."""
    return all_inline([*length_panels(pairs), *margin_panels(pairs)])


def length_panels(pairs: Gathered) -> list[HistogramPanel]:
    """Words of both sides, of their thoughts too where there are any, and which side is longer."""
    if not pairs.words["chosen"]:
        return []
    lengths = [value for values in pairs.words.values() for value in values]
    longer = [one - other for one, other in zip(*pairs.words.values(), strict=True)]
    thoughts = [value for values in pairs.thought_words.values() for value in values]
    drawn = [
        _drawn("words of an answer", "words", dict(pairs.words), edges(lengths)),
        _drawn("words more in the chosen side", "words", {"pairs": longer}, edges(longer)),
    ]
    if any(thoughts):
        drawn.insert(1, _drawn("words of a thought", "words", dict(pairs.thought_words), edges(thoughts)))
    return drawn


def margin_panels(pairs: Gathered) -> list[HistogramPanel]:
    """Labels, score gaps and margins."""
    if not pairs.count:
        return []
    labels = {"pairs": pairs.labels}
    drawn = [
        _drawn("label_prob: P(chosen is better)", "probability", labels, _shares(pairs.labels), digits=2)
    ]
    if pairs.gaps:
        digits = _digits(pairs.gaps)
        drawn.append(
            _drawn("margin: score_gap", "score", {"pairs": pairs.gaps}, edges(pairs.gaps), digits=digits)
        )
    odds = [math.log(p / (1 - p)) for each in pairs.labels for p in [min(max(each, 1e-4), 1 - 1e-4)]]
    drawn.append(
        _drawn("margin: log-odds of the label", "log-odds, nats", {"pairs": odds}, edges(odds), digits=1)
    )
    return drawn


def reliability(bins: Sequence[Bin]) -> str:
    """The plot, or nothing where no truth is known."""
    return inline(calibration_panel(bins))


def calibration_panel(bins: Sequence[Bin]) -> CalibrationPanel:
    """Labels against what is true."""
    return CalibrationPanel(
        title="accuracy by label probability", bins=[(each.size, each.said, each.true) for each in bins]
    )


def word_panel(title: str, lengths: Mapping[str, Sequence[float]]) -> HistogramPanel:
    """How long texts are, by whose they are."""
    return _drawn(title, "words", lengths, edges([value for values in lengths.values() for value in values]))


def edges(values: Sequence[float]) -> list[float]:
    """Round bounds of about a dozen bins that hold all but the outermost hundredth on each side."""
    ordered = sorted(values)
    low, high = ordered[len(ordered) // 100], ordered[-1 - len(ordered) // 100]
    room = (high - low) or 1.0
    unit = 10.0 ** math.floor(math.log10(room / BINS))
    step = next(unit * each for each in STEPS if unit * each * BINS >= room)
    start = math.floor(low / step)
    count = max(1, math.floor(high / step) - start + 1)
    return [(start + place) * step for place in range(count + 1)]


def _shares(values: Sequence[float]) -> list[float]:
    low = 0.5 if min(values) >= 0.5 else 0.0
    return [low + (1 - low) * place / 10 for place in range(11)]


def _digits(values: Sequence[float]) -> int:
    step = edges(values)
    return max(0, math.ceil(-math.log10(step[1] - step[0]) - 1e-9))


def _drawn(
    title: str, x: str, series: Mapping[str, Sequence[float]], bounds: Sequence[float], *, digits: int = 0
) -> HistogramPanel:
    counts = {name: histogram(values, bounds) for name, values in series.items()}
    y = next(iter(series)) if len(series) == 1 else "texts"
    return HistogramPanel(title=title, x=x, y=f"number of {y}", series=counts, edges=bounds, digits=digits)
