"""The figures of sets: of each model, and the policy's change against each that it is compared with, by prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rlaif.auditing.intervals import Resampling
from rlaif.auditing.paired import paired
from rlaif.workflows.evaluation.named_sets.named_set import Readings


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFigure:
    """One figure of one set, of one model."""

    set: str
    figure: str
    says: str
    model: str
    value: float
    low: float
    high: float
    answers: int
    before: bool = False
    """Whether the model is one that the policy is compared with."""
    change: float | None = None
    """Of such a model: the policy's less this one's, over the prompts that both answered."""
    change_low: float | None = None
    change_high: float | None = None


def set_figures(
    name: str, says: Mapping[str, str], by_model: Mapping[str, Readings], resampling: Resampling
) -> list[SetFigure]:
    """The figures of a set, the policy's first: `by_model` holds what was read of each model in that order."""
    policy, *_ = by_model
    found = []
    for model, readings in by_model.items():
        for figure, own in readings.items():
            interval = resampling.interval(list(own.values()))
            if interval is None:
                continue
            moved = None
            if model != policy:
                moved = paired(
                    own,
                    by_model[policy].get(figure, {}),
                    resamples=resampling.resamples,
                    seed=resampling.seed,
                )
            found.append(
                SetFigure(
                    set=name,
                    figure=figure,
                    says=says.get(figure, ""),
                    model=model,
                    value=interval.value,
                    low=interval.low,
                    high=interval.high,
                    answers=len(own),
                    before=model != policy,
                    change=None if moved is None else moved.change,
                    change_low=None if moved is None else moved.low,
                    change_high=None if moved is None else moved.high,
                )
            )
    return found
