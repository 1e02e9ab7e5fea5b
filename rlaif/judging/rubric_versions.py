"""Rubrics made of rubrics: without criteria that do not differ, or with a random part of them. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rlaif.hashing import derived_seed
from rlaif.records import Judgment, Rubric, RubricCriterion


def spreads(judgments: Sequence[Judgment]) -> dict[str, dict[str, float]]:
    """By prompt and criterion: the standard deviation of P(true) over the completions that were read by it.

    A criterion that was read of fewer than two completions has none: nothing is known of its spread.
    """
    read: dict[str, dict[str, list[float]]] = {}
    for each in judgments:
        for row in each.criteria:
            if "p" in row:
                read.setdefault(each.prompt_id, {}).setdefault(str(row["id"]), []).append(float(row["p"]))
    return {
        prompt: {name: _deviation(values) for name, values in own.items() if len(values) > 1}
        for prompt, own in read.items()
    }


def pruned(rubric: Rubric, spread: Mapping[str, float], least: float) -> Rubric | None:
    """The rubric without criteria that differ by less than `least` over the group (RLER, 2511.19399).

    Hard criteria stay, and those of which no spread is known. None where nothing is left that could be weighed.
    """
    kept = [each for each in rubric.criteria if each.hard or spread.get(each.id, least) >= least]
    return _version(rubric, kept, {"pruned_below": least})


def with_dropout(rubric: Rubric, share: float, *, seed: int, round: int) -> Rubric | None:
    """The rubric without a random `share` of its criteria, others in each round (2608.11669).

    Hard criteria stay, and of the others at least one. None where nothing is left that could be weighed.
    """
    loose = [each.id for each in rubric.criteria if not each.hard and each.weight]
    rng = random.Random(derived_seed(seed, "rubric dropout", rubric.prompt_id, round))
    gone = set(rng.sample(loose, min(len(loose) - 1, round_half_up(share * len(loose)))) if loose else ())
    return _version(
        rubric, [each for each in rubric.criteria if each.id not in gone], {"dropout": share, "round": round}
    )


def round_half_up(value: float) -> int:
    """The nearest whole number; of two the upper."""
    return int(value + 0.5)


def _version(rubric: Rubric, kept: Sequence[RubricCriterion], made: Mapping[str, object]) -> Rubric | None:
    if not any(each.weight for each in kept):
        return None
    if len(kept) == len(rubric.criteria):
        return rubric
    return replace(rubric, criteria=tuple(kept), parent=rubric.digest, made={**rubric.made, **made})


def _deviation(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return float((sum((each - mean) ** 2 for each in values) / len(values)) ** 0.5)
