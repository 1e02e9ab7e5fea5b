"""Figures of a judge against gold: accuracy, and the generator-judge gap. Pure; None where nothing can be measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rlaif.auditing.intervals import mean


def accuracy(
    readings: Mapping[tuple[str, str], float], truth: Mapping[tuple[str, str], bool]
) -> float | None:
    """Share of yes/no readings, keyed by (completion, principle), that are on the right side of one half."""
    return mean(float((readings[key] > 0.5) == met) for key, met in truth.items() if key in readings)


class Gap(NamedTuple):
    """What a judge could win by choosing among n draws: the room a round has to rise."""

    mean: float
    judge_best: float
    oracle_best: float


def generator_judge_gap(groups: Iterable[Sequence[tuple[float | None, float]]]) -> Gap | None:
    """From (judge's score, gold) of each prompt's draws; the judge cannot choose a draw without a score."""
    rows = []
    for group in groups:
        scored = [(score, gold) for score, gold in group if score is not None]
        if scored:
            golds = [gold for _, gold in group]
            rows.append((sum(golds) / len(golds), max(scored, key=lambda each: each[0])[1], max(golds)))
    if not rows:
        return None
    means, best, oracle = (sum(column) / len(rows) for column in zip(*rows, strict=True))
    return Gap(means, best, oracle)
