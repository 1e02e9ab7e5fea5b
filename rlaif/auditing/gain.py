"""What choosing by the judge is worth: gold of its best answer, of the mean and of the oracle's best (METHODS 16.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rlaif.auditing.resample import Estimate, Tally, estimate, ratio
from rlaif.auditing.verdicts import looks_table

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
    """None without gold, or where the judge looked at no answer alone."""
    import numpy as np

    if evidence.gold is None:
        return None
    table, weights = looks_table(evidence), np.asarray(evidence.weights)
    known = ~np.isnan(table)
    whole = (known * weights).sum(axis=1) if known.any() else np.zeros(len(table))
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(whole > 0, np.nansum(table * weights, axis=1) / whole, np.nan)
    sums = _sums(evidence, score)
    if not len(sums):
        return None
    count = float(len(sums))
    found = estimate(
        {
            name: Tally(sums, figure, count)
            for name, figure in (
                ("mean", lambda each: ratio(each[..., [0, 3]])),
                ("judge_best", lambda each: ratio(each[..., [1, 3]])),
                ("oracle_best", lambda each: ratio(each[..., [2, 3]])),
                ("share", _won),
            )
        }
    )
    return Gain(found["mean"], found["judge_best"], found["oracle_best"], found.get("share"))


def _won(sums: Floats) -> Floats:
    import numpy as np

    room = sums[..., 2] - sums[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(room > 1e-9, (sums[..., 1] - sums[..., 0]) / room, np.nan))


def _sums(evidence: Evidence, score: Floats) -> Floats:
    """(prompts with two graded answers, 4): mean, judge's best, oracle's best, 1."""
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
            rows.append([gold.mean(), gold[said == said.max()].mean(), gold.max(), 1.0])
    return np.asarray(rows).reshape(-1, 4)
