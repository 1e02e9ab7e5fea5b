"""The generator-discriminator gap: gold of the judge's best answer, of a random one, and of the best by gold."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rlaif.auditing.intervals import Limits, effective
from rlaif.auditing.resample import Estimate, Tally, estimate, ratio
from rlaif.auditing.verdicts import pointwise_table

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Evidence, Floats


class Gain(NamedTuple):
    """Gold of the mean answer, of the one that the judge scores highest, of the best; and what is won of the room."""

    mean: Estimate
    judge_best: Estimate
    oracle_best: Estimate
    share: Estimate | None
    """(judge_best - mean) / (oracle_best - mean): the generator-discriminator gap that feedback can use."""


def gain(evidence: Evidence) -> Gain | None:
    """The gap of a run; None without gold or pointwise judgments."""
    if evidence.gold is None:
        return None
    sums = rows_by_prompt(evidence, judge_scores(evidence))
    if not len(sums):
        return None
    count = float(len(sums))
    found = estimate(
        {
            "mean": Tally(sums, lambda each: ratio(each[..., [0, 4]]), count),
            "judge_best": Tally(sums, lambda each: ratio(each[..., [1, 4]]), count),
            "oracle_best": Tally(sums, lambda each: ratio(each[..., [2, 4]]), count),
            "share": won(sums),
        }
    )
    return Gain(found["mean"], found["judge_best"], found["oracle_best"], found.get("share"))


def judge_scores(evidence: Evidence) -> Floats:
    """(completions,) the judge's weighted mean over the principles that were read of each; NaN where none was."""
    import numpy as np

    table, weights = pointwise_table(evidence), np.asarray(evidence.weights)
    known = ~np.isnan(table)
    whole = (known * weights).sum(axis=1) if known.any() else np.zeros(len(table))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(whole > 0, np.nansum(table * weights, axis=1) / whole, np.nan))


def won(sums: Floats) -> Tally:
    """The share of the room that choosing wins, from rows of `rows_by_prompt`; one without room says nothing."""
    room = sums[:, 2] - sums[:, 3]
    worth = effective(room) if room.any() else None
    return Tally(sums, _won, float(len(sums)), _won_limits, worth)


def _won(sums: Floats) -> Floats:
    import numpy as np

    room = sums[..., 2] - sums[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(room > 1e-9, (sums[..., 1] - sums[..., 0]) / room, np.nan))


def _won_limits(sums: Floats) -> Limits:
    """From a judge that always chooses the worst answer to one that always chooses the best."""
    return float((sums[3] - sums[0]) / (sums[2] - sums[0])), 1.0


def rows_by_prompt(evidence: Evidence, score: Floats) -> Floats:
    """(prompts with two graded answers, 5): mean, judge's best, oracle's best, the worst, 1."""
    import numpy as np

    assert evidence.gold is not None
    groups: dict[int, list[int]] = {}
    for place in np.flatnonzero(~np.isnan(evidence.gold) & ~np.isnan(score)):
        groups.setdefault(int(evidence.texts.prompt[place]), []).append(int(place))
    rows = []
    for places in groups.values():
        if len(places) > 1:
            gold, said = evidence.gold[places], score[places]
            # of equally scored answers any may be taken
            rows.append([gold.mean(), gold[said == said.max()].mean(), gold.max(), gold.min(), 1.0])
    return np.asarray(rows).reshape(-1, 5)
