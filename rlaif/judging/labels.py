"""Label probabilities to readings. Pure; a judge that wants to say something else is unreadable, never a number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rlaif.records import Score, State

MIN_MASS = 0.5
"""Below this total probability of all labels an answer is unreadable: the judge was about to say something else."""

MAX_MASS = 1.02
"""Above this, rounding apart, they are no probabilities."""


class CallReading(NamedTuple):
    """What one call was read as; `value` belongs to PREFERENCE and SCORE alone."""

    state: State
    value: float | None = None
    label_mass: float | None = None
    detail: str = ""


class Labels(NamedTuple):
    """The labels of a protocol, each with its spellings."""

    spellings: Mapping[str, tuple[str, ...]]

    @property
    def continuations(self) -> tuple[str, ...]:
        """All spellings, label by label."""
        return tuple(text for texts in self.spellings.values() for text in texts)

    def masses(self, logprobs: Sequence[float], alike: Sequence[int] = ()) -> dict[str, float]:
        """Probability of each label, its spellings summed.

        `alike` names for each spelling the first one that is written with the same tokens: one event, counted once.
        """
        own: dict[str, list[float]] = {label: [] for label in self.spellings}
        owners = (label for label, texts in self.spellings.items() for _ in texts)
        for place, (label, each) in enumerate(zip(owners, logprobs, strict=True)):
            if not alike or alike[place] == place:
                own[label].append(math.exp(each))
        # rounded once: no order of the spellings changes a digit of a label
        return {label: math.fsum(each) for label, each in own.items()}


def _spelled(*words: str) -> tuple[str, ...]:
    return tuple(space + word for word in words for space in ("", " "))


YES_NO = Labels({"yes": _spelled("yes", "Yes"), "no": _spelled("no", "No")})
AB = Labels({"A": _spelled("A"), "B": _spelled("B")})
RATINGS = Labels({str(number): _spelled(str(number)) for number in range(1, 6)})


def read_share(labels: Labels, wanted: str, state: State, score: Score) -> CallReading:
    """The share of label `wanted` in the mass of all labels."""
    masses = _masses(labels, score)
    if isinstance(masses, CallReading):
        return masses
    total = sum(masses.values())
    return CallReading(state, masses[wanted] / total, total)


def read_expected(labels: Labels, score: Score) -> CallReading:
    """The expected number, labels being numbers."""
    masses = _masses(labels, score)
    if isinstance(masses, CallReading):
        return masses
    total = sum(masses.values())
    return CallReading(State.SCORE, sum(float(each) * mass for each, mass in masses.items()) / total, total)


def _masses(labels: Labels, score: Score) -> dict[str, float] | CallReading:
    if score.error is not None:
        return CallReading(State.TRANSPORT, detail=score.error)
    if len(score.logprobs) != len(labels.continuations):
        return CallReading(State.TRANSPORT, detail="not one log-probability for each label")
    if any(math.isnan(each) or each > 1e-3 for each in score.logprobs):
        return CallReading(State.TRANSPORT, detail="the model returned what is no log-probability")
    masses = labels.masses(score.logprobs, score.alike)
    total = sum(masses.values())
    if total > MAX_MASS:
        return CallReading(State.UNREADABLE, detail=f"the labels' probabilities add up to {total:.2f}")
    if total < MIN_MASS:
        return CallReading(
            State.UNREADABLE, label_mass=total, detail="the judge was about to say something else"
        )
    return masses
