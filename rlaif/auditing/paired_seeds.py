"""A difference that is paired by prompt and by seed, with the error of both. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, variance
from typing import NamedTuple

Figures = Mapping[str, float]
"""By prompt."""


class SeedPairedDifference(NamedTuple):
    """A mean difference with its 95 % interval, and the chance of one as far from 0 if there were none."""

    value: float
    low: float
    high: float
    chance: float
    prompts: int
    seeds: int


def seed_paired(seeds: Sequence[tuple[Figures, Figures]]) -> SeedPairedDifference | None:
    """The difference of two figures, each pair of one seed and one prompt.

    Prompts and seeds are both drawn: the variances of the means over each are added (of a single seed there is one
    alone), with Satterthwaite's degrees of freedom. Some noise of the draws is in both: it errs to the wide
    side.

    Args:
        seeds: Of each seed: the figures before, and after, by prompt.

    Returns:
        None where fewer than two prompts have both.
    """
    moved = [
        {name: after[name] - before[name] for name in after if name in before} for before, after in seeds
    ]
    names = sorted({name for own in moved for name in own})
    by_prompt = [fmean(own[name] for own in moved if name in own) for name in names]
    by_seed = [fmean(own.values()) for own in moved if own]
    if len(by_prompt) < 2:
        return None
    parts = [(variance(by_prompt) / len(by_prompt), len(by_prompt) - 1)]
    if len(by_seed) > 1:
        parts.append((variance(by_seed) / len(by_seed), len(by_seed) - 1))
    spread = math.fsum(each for each, _ in parts)
    value = fmean(by_seed)
    if spread <= 0:
        return SeedPairedDifference(value, value, value, float(value == 0), len(by_prompt), len(by_seed))
    freedom = spread**2 / math.fsum(each**2 / count for each, count in parts)
    from scipy.special import stdtr, stdtrit

    error = math.sqrt(spread)
    half = error * float(stdtrit(freedom, 0.975))
    chance = 2 * float(stdtr(freedom, -abs(value) / error))
    return SeedPairedDifference(value, value - half, value + half, chance, len(by_prompt), len(by_seed))
