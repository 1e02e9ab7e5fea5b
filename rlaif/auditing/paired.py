"""Before and after on the same prompts: a change with its interval, which is taken over prompts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rlaif.auditing.intervals import RESAMPLES, Limits, mean, mean_interval

DIFFERENCE: Limits = (-1.0, 1.0)
"""The least and the largest difference of two shares."""
Readings = Mapping[str, Mapping[str, float]]
"""By prompt, what each principle was read as: a share from 0 to 1."""


class PairedChange(NamedTuple):
    """A mean before and after, over prompts that have both, and the change with its 95 % interval."""

    before: float
    after: float
    change: float
    low: float
    high: float
    prompts: int


def paired(
    before: Mapping[str, float],
    after: Mapping[str, float],
    *,
    limits: Limits | None = DIFFERENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairedChange | None:
    """The change of a figure over the prompts that both have; None where there is no such prompt.

    Args:
        before: The figure of each prompt, before.
        after: The same, after.
        limits: The least and the largest change that there can be; None: there are none, as of lengths.
        resamples: How often prompts are drawn again.
        seed: Of these draws.
    """
    both = [each for each in after if each in before]
    moved = [(each, after[each] - before[each]) for each in both]
    interval = mean_interval(moved, resamples=resamples, seed=seed, limits=limits)
    first, last = mean(before[each] for each in both), mean(after[each] for each in both)
    if interval is None or first is None or last is None:
        return None
    return PairedChange(first, last, interval.value, interval.low, interval.high, len(both))


def shares(before: Readings, after: Readings) -> tuple[dict[str, float], dict[str, float]]:
    """The share of principles that each prompt's answer meets, before and after.

    Of each prompt only the principles that were read both times: a mean over others is another figure.
    """
    first, last = {}, {}
    for prompt, read in after.items():
        held = before.get(prompt, {})
        both = [each for each in read if each in held]
        if both:
            first[prompt] = sum(held[each] for each in both) / len(both)
            last[prompt] = sum(read[each] for each in both) / len(both)
    return first, last


def by_principle(readings: Readings) -> dict[str, dict[str, float]]:
    """The same readings by principle, then by prompt."""
    found: dict[str, dict[str, float]] = {}
    for prompt, read in readings.items():
        for principle, value in read.items():
            found.setdefault(principle, {})[prompt] = value
    return found
