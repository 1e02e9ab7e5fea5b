"""Pairwise judgments of all principles as one log-odds for each pair and order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Bools, Evidence, Floats, Ints, PairwiseJudgments

CLIP = 0.02
"""As decision rules clip a probability before they take its log-odds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdicts:
    """One row for each two completions that were compared: `one` stands before `other` in the file."""

    one: Ints
    other: Ints
    prompt: Ints
    forward: Floats
    """Log-odds that `one` is better, as said with `one` shown first; NaN where nothing could be read."""
    swapped: Floats
    """The same, as said with `other` shown first."""

    @property
    def both(self) -> Floats:
        """Mean of both orders; NaN where one is missing."""
        return (self.forward + self.swapped) / 2


def logit(p: Floats) -> Floats:
    """Log-odds of a clipped probability."""
    import numpy as np

    held = np.clip(p, CLIP, 1 - CLIP)
    return np.asarray(np.log(held / (1 - held)))


def verdicts(evidence: Evidence, principle: int | None = None) -> Verdicts:
    """Weighted over all principles, or of one."""
    import numpy as np

    said = evidence.pairwise
    kept = np.ones(len(said.value), dtype=bool) if principle is None else said.principle == principle
    first, second = said.first[kept], said.second[kept]
    swapped = first > second
    low, high = np.where(swapped, second, first), np.where(swapped, first, second)
    size = max(1, len(evidence.texts.ids))
    keys, place = np.unique(low * size + high, return_inverse=True)
    weight = np.asarray(evidence.weights)[said.principle[kept]]
    odds = logit(said.value[kept]) * np.where(swapped, -1.0, 1.0)
    odds = np.where(
        _comparable(place, said.principle[kept], swapped, ~np.isnan(odds), len(keys)), odds, np.nan
    )
    one = keys // size
    return Verdicts(
        one=one,
        other=keys % size,
        prompt=evidence.texts.prompt[one] if len(one) else one,
        forward=_mean(place, len(keys), odds, weight, ~swapped),
        swapped=_mean(place, len(keys), odds, weight, swapped),
    )


def _comparable(place: Ints, principle: Ints, swapped: Bools, known: Bools, count: int) -> Bools:
    """Rows whose principle was read in both orders; of two of which no principle was, all rows.

    Two orders that are sums over different principles differ by the principles.
    """
    import numpy as np

    if not len(place):
        return known
    cell = place * (int(principle.max()) + 1) + principle
    both = np.isin(cell, cell[known & swapped]) & np.isin(cell, cell[known & ~swapped])
    any_both = np.bincount(place, both, count) > 0
    return np.asarray(both | ~any_both[place])


def _mean(place: Ints, count: int, odds: Floats, weight: Floats, rows: Ints) -> Floats:
    import numpy as np

    known = rows & ~np.isnan(odds)
    total = np.bincount(place[known], (weight * odds)[known], count)
    whole = np.bincount(place[known], weight[known], count)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(whole > 0, total / whole, np.nan))


def pointwise_table(evidence: Evidence, shift: int = 0) -> Floats:
    """(completions, principles) pointwise scores of completions; NaN where there is none.

    With `shift`, every value is the one that stands so many rows further down: what a file looks like whose rows
    have slipped.
    """
    import numpy as np

    pointwise = evidence.pointwise
    table = np.full((len(evidence.texts.ids), max(1, len(evidence.principles))), np.nan)
    table[pointwise.completion, pointwise.principle] = pointwise.value
    if shift:
        moved = np.full_like(table, np.nan)
        if shift > 0:
            moved[:-shift] = table[shift:]
        else:
            moved[-shift:] = table[:shift]
        return moved
    return table


def gaps(evidence: Evidence, table: Floats, one: Ints, other: Ints) -> Floats:
    """(n,) weighted mean over principles of the pointwise score of `one` less that of `other`; NaN where unknown."""
    import numpy as np

    if not len(one):
        return np.empty(0)
    apart = table[one] - table[other]
    weights = np.asarray(evidence.weights)[: apart.shape[1]] if len(evidence.principles) else np.ones(1)
    known = ~np.isnan(apart)
    whole = (known * weights).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(whole > 0, np.nansum(apart * weights, axis=1) / whole, np.nan))


def by_principle(said: PairwiseJudgments, principle: int) -> Ints:
    """Rows of one principle."""
    import numpy as np

    return np.flatnonzero(said.principle == principle)
