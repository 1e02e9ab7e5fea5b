"""How far a run of rounds is, and about how long the rest will take: by what its steps took so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rlaif.constitution import applies
from rlaif.workflows.progress import Report, silent
from rlaif.workflows.recipe.prepare import PREVIOUS, Played
from rlaif.workflows.recipe.recipes import EvaluateStep, JudgeStep, PairsStep, SampleStep, Step, TrainStep

ENOUGH = 0.1
"""Share of a step after which its own pace says more than what was known before."""
EVERY_S = 0.5
"""Nobody reads faster."""
DRAW, ROW = 4.0, 10.0
"""What a draw, and a pair that is trained on, take for each score: a first guess, until a step has been played."""
TRAIN_STEPS = 100
"""A first guess for a training that goes by passes over its pairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a run is."""

    round: int
    of: int
    step: str
    done: int
    """Calls of the step, or steps of the training."""
    total: int
    """About how many there will be."""
    left_s: float | None
    """Seconds until the run is done, about; None while nothing is known."""


Told = Callable[[Standing], None]


def unheard(standing: Standing) -> None:
    """For somebody who does not look."""


class Pace:
    """Counts what the steps of a run do, and tells how it stands."""

    def __init__(
        self,
        played: Played,
        told: Told = unheard,
        also: Report = silent,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._played = played
        self._told = told
        self._also = also
        self._clock = clock
        self._rules = _rules(played)
        self._at: tuple[int, Step] | None = None
        self._began = self._last = 0.0
        self._counts: dict[str, int] = {}
        self._base = 0
        self._done = 0
        self._units: dict[tuple[str, bool], int] = {}
        """How much each step had to do when it was last played, in round 0 and in later ones."""
        self._seconds: dict[str, float] = {}
        """What a unit took when the step was last played."""

    @property
    def standing(self) -> Standing:
        """Where the run is now."""
        assert self._at is not None, "no step is being played"
        number, step = self._at
        total = max(self._expected(number, step), self._done)
        of = self._played.recipe.rounds
        return Standing(round=number, of=of, step=step.step, done=self._done, total=total, left_s=self.left())

    def report(self, what: str, done: int, total: int | None) -> None:
        """Take in what a model or a training tells of itself; see `Report`."""
        self._also(what, done, total)
        if self._at is None:
            return
        if total is None:
            self._counts[what] = done
            self._done = sum(self._counts.values()) - self._base
        else:
            self._done = done
        if self._clock() - self._last >= EVERY_S:
            self._tell()

    @contextmanager
    def playing(self, number: int, step: Step) -> Iterator[None]:
        """Around a step; within it another may be played."""
        around = self._at, self._began
        self._at, self._began = (number, step), self._clock()
        self._base, self._done = sum(self._counts.values()), 0
        self._tell()
        yield
        self._note(number, step)
        if around[0] is not None:
            (self._at, self._began), self._done = around, 0
            self._base = sum(self._counts.values())

    def _note(self, number: int, step: Step) -> None:
        if self._done:  # what was taken from where it was made says nothing
            self._units[step.step, number == 0] = self._done
            self._seconds[step.step] = (self._clock() - self._began) / self._done

    def left(self) -> float | None:
        """Seconds until all rounds are played, about."""
        assert self._at is not None, "no step is being played"
        number, step = self._at
        score_s = self._score_s()
        if score_s is None:
            return None
        recipe = self._played.recipe
        place = next(where for where, each in enumerate(recipe.round) if each is step)
        rest = [(number, each) for each in recipe.round[place + 1 :]] if number else []
        rest += [(later, each) for later in range(number + 1, recipe.rounds + 1) for each in recipe.round]
        now = max(0, self._expected(number, step) - self._done) * self._unit_s(step, score_s)
        return now + sum(self._expected(*each) * self._unit_s(each[1], score_s) for each in rest)

    def _tell(self) -> None:
        self._last = self._clock()
        self._told(self.standing)

    def _score_s(self) -> float | None:
        """Seconds of a score, by the last step that made some."""
        for name in ("judge", "evaluate", "pairs"):
            if name in self._seconds:
                return self._seconds[name]
        if self._at is not None and isinstance(self._at[1], EvaluateStep) and self._far_enough():
            return (self._clock() - self._began) / self._done
        return None

    def _far_enough(self) -> bool:
        return self._at is not None and self._done >= ENOUGH * self._expected(*self._at)

    def _unit_s(self, step: Step, score_s: float) -> float:
        if self._at is not None and step is self._at[1] and self._done and self._far_enough():
            return (self._clock() - self._began) / self._done
        if step.step in self._seconds:
            return self._seconds[step.step]
        match step:
            case SampleStep():
                return DRAW * score_s
            case TrainStep():
                return ROW * (step.options.batch_size or 1) * score_s
            case _:
                return score_s

    def _expected(self, number: int, step: Step) -> int:
        """Calls of a step, or steps of a training."""
        known = self._units.get((step.step, number == 0))
        if known is not None:
            return known
        recipe, prompts = self._played.recipe, self._played.prompts
        drawn = next((each for each in recipe.round if isinstance(each, SampleStep)), SampleStep())
        count = min(drawn.prompts or len(prompts["train"]), len(prompts["train"]))
        match step:
            case SampleStep():
                return count * drawn.n
            case JudgeStep():
                return round(count * drawn.n * self._rules)
            case PairsStep():
                return round(count * (2 * self._rules + 1))
            case TrainStep():
                return step.options.steps or TRAIN_STEPS
            case EvaluateStep():
                return round(min(step.prompts or 1 << 62, len(prompts[step.on])) * self._of_one(number, step))
            case _:
                return 0

    def _of_one(self, number: int, step: EvaluateStep) -> float:
        """Calls about one held-out prompt."""
        alone = 2 + self._rules
        if number == 0:
            return alone
        drift = self._rules if self._played.recipe.models.judge == PREVIOUS else 0
        return alone + 2 + drift + 2 * self._rules * len(step.against)


def _rules(played: Played) -> float:
    """How many principles apply to a prompt, on average."""
    prompts = played.prompts["train"]
    applying = [sum(applies(rule, each) for rule in played.constitution.principles) for each in prompts]
    return sum(applying) / max(1, len(applying))
