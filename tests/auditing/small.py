"""Evidence small enough to count by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rlaif.auditing.evidence import (
    STATES,
    Evidence,
    PairLabels,
    PairwiseJudgments,
    PointwiseJudgments,
    Prompts,
    Texts,
)
from rlaif.records import State

NONE = float("nan")


def evidence(
    prompt_of: Sequence[int],
    *,
    pointwise: Sequence[tuple[int, int, float]] = (),
    said: Sequence[tuple[int, int, int, float]] = (),
    labels: Sequence[tuple[int, int, float]] = (),
    principles: int = 1,
    texts: Sequence[str] | None = None,
    **more: Any,
) -> Evidence:
    """Completions by the prompt of each; `pointwise` are (completion, principle, P(yes)), `said` are (first shown,
    second, principle, P(first)), `labels` are (chosen, rejected, P)."""
    count, prompts = len(prompt_of), max(prompt_of) + 1
    columns: dict[str, Any] = {
        "prompts": Prompts(
            ids=[f"p{n}" for n in range(prompts)],
            texts=[f"prompt {n}" for n in range(prompts)],
            tags=[()] * prompts,
        ),
        "texts": Texts(
            ids=[f"c{n}" for n in range(count)],
            texts=list(texts) if texts is not None else [f"text {n}" for n in range(count)],
            prompt=np.asarray(prompt_of),
            policy=np.zeros(count, dtype=int),
            truncated=np.zeros(count, dtype=bool),
        ),
        "pointwise": PointwiseJudgments(
            completion=ints(each[0] for each in pointwise),
            principle=ints(each[1] for each in pointwise),
            state=states(State.SCORE, [each[2] for each in pointwise]),
            value=floats(each[2] for each in pointwise),
        ),
        "pairwise": PairwiseJudgments(
            first=ints(each[0] for each in said),
            second=ints(each[1] for each in said),
            principle=ints(each[2] for each in said),
            state=states(State.PREFERENCE, [each[3] for each in said]),
            value=floats(each[3] for each in said),
        ),
        "labels": PairLabels(
            ids=[f"pair{n}" for n in range(len(labels))],
            chosen=ints(each[0] for each in labels),
            rejected=ints(each[1] for each in labels),
            probability=floats(each[2] for each in labels),
            chosen_score=np.full(len(labels), NONE),
            rejected_score=np.full(len(labels), NONE),
            decided=np.full(len(labels), NONE),
            round=np.zeros(len(labels), dtype=int),
        ),
        "principles": [f"rule-{n}" for n in range(principles)],
        "principle_texts": [f"Rule {n}." for n in range(principles)],
        "weights": np.ones(principles),
        "policies": ("one",),
        "own": np.asarray([False]),
    }
    return Evidence(**(columns | more))


def ints(values: Any) -> Any:
    return np.asarray(list(values), dtype=np.int64)


def floats(values: Any) -> Any:
    return np.asarray(list(values), dtype=float)


def states(kind: State, values: Sequence[float]) -> Any:
    return ints(STATES.index(kind if value == value else State.UNREADABLE) for value in values)


def value(tallies: Any, name: str) -> float:
    """A figure without its interval."""
    tally = tallies[name] if isinstance(tallies, dict) else tallies
    return float(tally.figure(tally.sums.sum(axis=0)))
