"""Agreement of raters who labelled the same things: Cohen, Fleiss, Krippendorff, McNemar."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

Ratings = Sequence[Sequence[Hashable | None]]
"""One row an item, one cell a rater; None where a rater said nothing."""


def cohen(one: Sequence[Hashable], other: Sequence[Hashable]) -> float | None:
    """Cohen's kappa of two raters: (p_o - p_e) / (1 - p_e). None where chance alone agrees always."""
    if len(one) != len(other):
        raise ValueError(f"{len(one)} and {len(other)} labels")
    if not one:
        return None
    agreed = sum(a == b for a, b in zip(one, other, strict=True)) / len(one)
    mine, theirs = Counter(one), Counter(other)
    chance = sum(mine[each] * theirs[each] for each in mine) / len(one) ** 2
    return None if chance >= 1 - 1e-12 else (agreed - chance) / (1 - chance)


def fleiss(counts: Sequence[Mapping[Hashable, int]]) -> float | None:
    """Fleiss' kappa: how often each category was named for each item. Items with one rating do not count.

    Fleiss (1971) has as many raters for every item; items weigh alike where they do not.
    """
    rated = [each for each in counts if sum(each.values()) > 1]
    if not rated:
        return None
    total: Counter[Hashable] = Counter()
    alike = 0.0
    for each in rated:
        size = sum(each.values())
        alike += sum(count * (count - 1) for count in each.values()) / (size * (size - 1))
        total.update(each)
    whole = sum(total.values())
    chance = sum((count / whole) ** 2 for count in total.values())
    return None if chance >= 1 - 1e-12 else (alike / len(rated) - chance) / (1 - chance)


def krippendorff(ratings: Ratings, *, interval: bool = False) -> float | None:
    """Krippendorff's alpha = 1 - D_o / D_e, from coincidences of values within items; missing cells are left out.

    The distance is nominal (0 or 1), or with `interval` the squared difference. None where all values are the same.
    """
    items = [[each for each in row if each is not None] for row in ratings]
    items = [row for row in items if len(row) > 1]
    values = [each for row in items for each in row]
    if not values:
        return None
    observed = 0.0
    for row in items:
        pairs = sum(_distance(a, b, interval) for a in row for b in row)
        observed += pairs / (len(row) - 1)
    counts = Counter(values)
    expected = sum(counts[a] * counts[b] * _distance(a, b, interval) for a in counts for b in counts) / (
        len(values) - 1
    )
    return None if expected == 0 else 1 - observed / expected


def _distance(one: Hashable, other: Hashable, interval: bool) -> float:
    if not interval:
        return float(one != other)
    return (float(one) - float(other)) ** 2  # type: ignore[arg-type]


class McNemar(NamedTuple):
    """Two judges on the same items: what only the first got right, only the second, and how surprising that is."""

    first_only: int
    second_only: int
    p: float
    """Two-sided."""


def mcnemar(
    first: Sequence[bool], second: Sequence[bool], clusters: Sequence[Hashable] | None = None
) -> McNemar:
    """McNemar's test; `clusters` says which items are not independent of each other (comparisons of one prompt).

    Were both equally good, each cluster's surplus of the one would as soon be the other's: the surplus over all is set
    against all ways of exchanging the two within clusters, so that the sum of squared surpluses is its variance, as in
    the tests of Obuchowski (1998) and Durkalski et al. (2003). Where every item is a cluster this is McNemar's exact
    test. Exact tests of few things reject too rarely: of clusters the mid-p is taken (Fagerland et al., 2013).
    """
    one = sum(a and not b for a, b in zip(first, second, strict=True))
    two = sum(b and not a for a, b in zip(first, second, strict=True))
    surplus: Counter[Hashable] = Counter()
    named = range(len(first)) if clusters is None else clusters
    for a, b, cluster in zip(first, second, named, strict=True):
        surplus[cluster] += int(a) - int(b)
    beyond, equal = _exchanged([abs(each) for each in surplus.values() if each], abs(one - two))
    return McNemar(one, two, min(1.0, beyond + equal * (1.0 if clusters is None else 0.5)))


def _exchanged(sizes: Sequence[int], total: int) -> tuple[float, float]:
    """P(|sum of `sizes` with random signs|) above `total`, and equal to it."""
    import numpy as np

    whole = sum(sizes)
    # by how many exchanges of sides it falls short of the whole: a place for each two
    chances = np.ones(1)
    for size in sizes:
        longer = np.zeros(len(chances) + size)
        longer[: len(chances)] += chances / 2
        longer[size:] += chances / 2
        chances = longer
    sums = np.abs(whole - 2 * np.arange(whole + 1))
    return float(chances[sums > total].sum()), float(chances[sums == total].sum())
