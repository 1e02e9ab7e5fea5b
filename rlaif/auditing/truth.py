"""What is known to be true of pairs, from people or from gold: how sure labels may be, and what trivial judges get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from rlaif.auditing.calibration import BINS, error_interval
from rlaif.auditing.resample import Tally, between_extremes, share

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Evidence, Floats, Ints


MIN_PAIRS = 20


class Truth(NamedTuple):
    """Pairs of which something is known, and whether their chosen side is the better one (1 or 0)."""

    pairs: Ints
    right: Floats


def truth_of(evidence: Evidence) -> Truth | None:
    """Every vote of people, else gold where it tells the sides apart; None where there is neither.

    A handful of votes says less than gold of all pairs, and waits until there are `MIN_PAIRS`.
    """
    import numpy as np

    labels = evidence.labels
    graded = evidence.gold is not None and len(labels.chosen)
    if evidence.votes and (len(evidence.votes) >= MIN_PAIRS or not graded):
        pairs = np.asarray([each.pair for each in evidence.votes], dtype=int)
        return Truth(pairs, np.asarray([float(each.agrees) for each in evidence.votes]))
    if evidence.gold is None or not len(labels.chosen):
        return None
    apart = evidence.gold[labels.chosen] - evidence.gold[labels.rejected]
    known = np.flatnonzero(~np.isnan(apart) & (apart != 0))
    return Truth(known, (apart[known] > 0).astype(float)) if len(known) else None


def truth_figures(evidence: Evidence, surface: Mapping[str, Floats]) -> dict[str, Tally]:
    """`calibration_error` and `brier` of `label_prob`; `truth_more:CRITERION`: of pairs that differ in a criterion,

    those whose better side has more of it, which is what a judge that knew nothing else would score.
    """
    import numpy as np

    truth = truth_of(evidence)
    if truth is None:
        return {}
    labels, clusters = evidence.labels, len(evidence.prompts.ids)
    chosen, rejected = labels.chosen[truth.pairs], labels.rejected[truth.pairs]
    prompt, p = evidence.texts.prompt[chosen], labels.probability[truth.pairs]
    where = prompt * BINS + np.minimum(BINS - 1, (p * BINS).astype(int))
    parts = [
        np.bincount(where, value, clusters * BINS).reshape(clusters, BINS)
        for value in (np.ones(len(p)), p, truth.right)
    ]
    found = {
        "calibration_error": Tally(
            np.concatenate(parts, axis=1),
            _binned_error,
            float(len(np.unique(prompt))),
            interval=lambda sums: error_interval(*np.split(sums, 3, axis=1)),
        ),
        "brier": between_extremes(
            prompt, clusters, (p - truth.right) ** 2, np.minimum(p, 1 - p) ** 2, np.maximum(p, 1 - p) ** 2
        ),
    }
    for name, values in surface.items():
        apart = values[chosen] - values[rejected]
        same = ((apart > 0) == (truth.right > 0.5)).astype(float)
        more = np.where(np.isnan(apart) | (apart == 0), np.nan, same)
        found[f"truth_more:{name}"] = share(prompt, clusters, more)
    return found


def _binned_error(sums: Floats) -> Floats:
    """(..., 3 * BINS): sizes, sums of what is said and of what is true."""
    import numpy as np

    parts = sums.reshape(*sums.shape[:-1], 3, BINS)
    size = parts[..., 0, :].sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.abs(parts[..., 1, :] - parts[..., 2, :]).sum(axis=-1) / size)
