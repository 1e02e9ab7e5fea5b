"""Several numbers of each completion as one: sums, products, ensembles, and conditions on them. Pure arithmetic.

What a component lacks is no number of it. A sum over fewer addends would be on another level than its siblings'; there
the missing addend has the level of its siblings (the mean of what was read in the group, else in the step), and so
tells nothing between them: as in GDPO (2601.05242), where a failed component leaves that component only. Nothing is
known of a product, a least or a greatest of which a member is missing, and there is no number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, pvariance, stdev
from typing import Literal

from rlaif.judging.scales import REWARD, Scale

Together = Literal["sum", "product", "mean", "min", "max", "mean-variance"]
Normalise = Literal["none", "group", "batch"]
Numbers = Sequence[float | None]
"""Of one component, one a completion; None where there is none."""
Sizes = Sequence[int]
"""How many completions each group has, in order."""
LEVELLED = ("sum", "mean")
"""What is added up, so that a missing addend may have the level of its siblings."""
EPSILON = 1e-4
"""Beside a standard deviation that is divided by, as TRL has it."""


def normalised(numbers: Numbers, sizes: Sizes, how: Normalise) -> Numbers:
    """z = (r - mean) / (std + 1e-4), over what was read in each group, or in the step.

    Where fewer than two were read, or all are equal, z is 0: nothing differs.
    """
    if how == "none":
        return numbers
    parts = _split(numbers, sizes) if how == "group" else [numbers]
    return [each for part in parts for each in _standardised(part)]


def _standardised(numbers: Numbers) -> Numbers:
    known = [each for each in numbers if each is not None]
    if not known:
        return numbers
    mean = fmean(known)
    spread = stdev(known) if len(known) > 1 else 0.0
    return [None if each is None else (each - mean) / (spread + EPSILON) for each in numbers]


def levelled(columns: Sequence[Numbers], sizes: Sizes) -> list[list[float | None]]:
    """The columns, each missing number with the mean of those that were read in its group, else in the step.

    What nobody was read of in the whole step stays missing.
    """
    return [_levelled(each, sizes) for each in columns]


def _levelled(numbers: Numbers, sizes: Sizes) -> list[float | None]:
    known = [each for each in numbers if each is not None]
    overall = fmean(known) if known else None
    found: list[float | None] = []
    for part in _split(numbers, sizes):
        own = [each for each in part if each is not None]
        level = fmean(own) if own else overall
        found += [level if each is None else each for each in part]
    return found


def totals(
    columns: Sequence[Numbers], weights: Sequence[float], sizes: Sizes, together: Together, penalty: float
) -> list[float | None]:
    """One number a completion; None where there is none.

    Args:
        columns: the numbers of each component.
        weights: of the components, for a sum.
        sizes: of the groups.
        together: `sum`: of weight x number; `mean`: of all; `product`; `min`: what the worst member gives (worst-case
            optimisation); `mean-variance`: mean - penalty x variance (uncertainty-weighted; both 2310.02743); `max`.
        penalty: of the variance.
    """
    if together in LEVELLED:
        factors = weights if together == "sum" else [1 / len(columns)] * len(columns)
        return _sums(columns, factors, sizes)
    return [
        combined_alone([column[place] for column in columns], together, penalty)
        for place in range(sum(sizes))
    ]


def _sums(columns: Sequence[Numbers], weights: Sequence[float], sizes: Sizes) -> list[float | None]:
    full = levelled(columns, sizes)
    found: list[float | None] = []
    for place in range(sum(sizes)):
        # a component of weight 0 is looked at, and says nothing
        read = any(
            column[place] is not None for column, weight in zip(columns, weights, strict=True) if weight
        )
        addends = [
            weight * number
            for column, weight in zip(full, weights, strict=True)
            if (number := column[place]) is not None
        ]
        found.append(math.fsum(addends) if read else None)
    return found


def combined_alone(numbers: Numbers, together: Together, penalty: float) -> float | None:
    """The members' numbers of one completion as one; None where a member has none.

    A product with a factor of 0 is 0 whatever the others are. One with a factor below 0 has no meaning (two harms would
    make a good), and is None.
    """
    known = [each for each in numbers if each is not None]
    if together == "product" and known:
        if min(known) < 0:
            return None
        if min(known) == 0:
            return 0.0
    if len(known) < len(numbers) or not known:
        return None
    match together:
        case "product":
            return math.prod(known)
        case "min":
            return min(known)
        case "max":
            return max(known)
        case "mean-variance":
            return fmean(known) - penalty * pvariance(known)
        case _:
            return fmean(known)


def conditioned(
    found: Numbers, met: Sequence[Sequence[bool | None]], floor: float | None
) -> list[float | None]:
    """Totals under conditions: the floor where one is not met, None where none is broken and one could not be read.

    Args:
        found: the totals without conditions.
        met: of each condition, whether each completion meets it; None where that could not be read.
        floor: the total of whoever breaks one. It is lowered to the least total that meets all conditions: nobody who
            breaks one is above anybody who breaks none. None: there are no conditions.
    """
    after: list[float | None] = list(found)
    broken = [any(each[place] is False for each in met) for place in range(len(found))]
    unread = [any(each[place] is None for each in met) for place in range(len(found))]
    for place in range(len(found)):
        if broken[place] or unread[place]:
            after[place] = None
    if floor is None:
        return after
    passed = [each for each in after if each is not None]
    least = min([floor, *passed])
    return [least if is_broken else each for is_broken, each in zip(broken, after, strict=True)]


def scale_of_totals(
    scales: Sequence[Scale], weights: Sequence[float], together: Together, penalty: float
) -> Scale:
    """The scale of totals of components of these scales; without one where a component has none."""
    ends = [_ends(each) for each in scales]
    if any(each is None for each in ends):
        return REWARD
    lows, highs = zip(*(each for each in ends if each is not None), strict=True)
    match together:
        case "sum":
            pairs = list(zip(weights, lows, highs, strict=True))
            least = math.fsum(min(weight * low, weight * high) for weight, low, high in pairs)
            most = math.fsum(max(weight * low, weight * high) for weight, low, high in pairs)
        case "product":
            least, most = math.prod(lows), math.prod(highs)
        case "min":
            least, most = min(lows), min(highs)
        case "max":
            least, most = max(lows), max(highs)
        case "mean":
            least, most = fmean(lows), fmean(highs)
        case "mean-variance":
            # of numbers in one range the variance is at most a quarter of its square
            worst = (max(highs) - min(lows)) ** 2 / 4
            least, most = fmean(lows) - penalty * worst, fmean(highs)
    return Scale(lowest=least, highest=most)


def usual_floor(scale: Scale) -> float | None:
    """The floor where nobody names one: as far below the least total as the greatest is above it; None without ends."""
    ends = _ends(scale)
    return None if ends is None else ends[0] - max(ends[1] - ends[0], 1.0)


def _ends(scale: Scale) -> tuple[float, float] | None:
    if scale.lowest is None or scale.highest is None:
        return None
    return scale.lowest, scale.highest


def _split(numbers: Numbers, sizes: Sizes) -> list[Numbers]:
    ends = [sum(sizes[:place]) for place in range(len(sizes) + 1)]
    return [numbers[first:last] for first, last in pairwise(ends)]
