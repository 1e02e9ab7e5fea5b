"""Which weights were best by the evaluator's figure, and when to stop.

Read from the log, so that a resumed run agrees with the one that was killed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rlaif.errors import InputError

PREFIX = "evaluation/"
BEST = "best"
"""Name of the best weights among a training's unfinished work."""


class EvaluationStanding(NamedTuple):
    """What the evaluations so far come to."""

    step: int = 0
    """Of the best, the first of equals; 0 before any evaluation."""
    value: float = float("-inf")
    waited: int = 0
    """Evaluations since then."""

    def stops(self, patience: int) -> bool:
        """Whether to wait no longer."""
        return 0 < patience <= self.waited

    def after(self, step: int, value: float) -> EvaluationStanding:
        """With one more evaluation."""
        if value > self.value:
            return EvaluationStanding(step, value, 0)
        return self._replace(waited=self.waited + 1)

    def sentence(self, figure: str, steps: int) -> str:
        """In plain words, where training stopped before its last step."""
        return (
            f"stopped after step {steps}: {figure} has not risen above {self.value:.4g}, its value after step "
            f"{self.step}, in {self.waited} evaluations"
        )


def figure_of(found: Mapping[str, float], wanted: str | None) -> tuple[str, float]:
    """Name and value of what is to rise. Raises InputError where the evaluator does not give it."""
    name = wanted or next(iter(found), "")
    if name not in found:
        raise InputError(
            f"evaluate_figure: the evaluator gives no {name!r}; it gives: {', '.join(found) or 'nothing'}"
        )
    return name, float(found[name])


def standing(lines: Sequence[Mapping[str, float]], figure: str) -> EvaluationStanding:
    """From the log of a run."""
    found = EvaluationStanding()
    for line in lines:
        if PREFIX + figure in line:
            found = found.after(int(line["step"]), line[PREFIX + figure])
    return found
