"""How far a run of rounds is, and about how long the rest will take: by what its steps took so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from rlaif.constitution import applies
from rlaif.workflows.progress import ModelCalls, Report, silent
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.step import Expected
from rlaif.workflows.recipe.task import Task

OWN_PACE_AFTER = 0.1
"""Share of a step after which its own pace says more than what was known before."""
EVERY_S = 0.5
"""Nobody reads faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStanding:
    """Where a run is."""

    round: int
    of: int
    step: str
    number: int
    """Which step of the round it is, from 1."""
    steps: int
    done: int
    total: int
    """About how many there will be."""
    unit: str = "call"
    """What is counted: a `call` of a model, or a `step` of a training."""
    left_s: float | None
    """Seconds until the run is done, about; None while nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedStep:
    """A step that is finished."""

    round: int
    step: str
    done: int
    """Calls of models, or steps of a training."""
    unit: str
    seconds: float
    found: bool
    """Whether what it makes was there already."""
    row: Mapping[str, Any]
    """What it puts into the table of rounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRound:
    """A round that is over."""

    row: Mapping[str, Any]
    """Its row of the table."""
    before: Mapping[str, Any] | None
    """The row of the round before."""
    seconds: float


class RunListener(Protocol):
    """Who hears how a run stands."""

    def told(self, standing: RunStanding) -> None:
        """Take in where it is: often."""

    def ended(self, step: EndedStep) -> None:
        """Take in that a step is finished."""

    def round_over(self, ended: EndedRound) -> None:
        """Take in that a round is over."""


class Nobody:
    """Who does not look."""

    def told(self, standing: RunStanding) -> None:
        """Take nothing in."""

    def ended(self, step: EndedStep) -> None:
        """Take nothing in."""

    def round_over(self, ended: EndedRound) -> None:
        """Take nothing in."""


def _nothing() -> None:
    """Nobody is told that a task begins."""


class Pace:
    """Counts what the steps of a run do, and tells how it stands."""

    def __init__(
        self,
        prepared: PreparedRecipe,
        listener: RunListener | None = None,
        also: Report = silent,
        clock: Callable[[], float] = time.monotonic,
        begins: Callable[[], None] = _nothing,
    ) -> None:
        """`begins` is called whenever another task begins, or goes on."""
        self._begins = begins
        self._prepared = prepared
        self._listener = listener or Nobody()
        self._also = also
        self._clock = clock
        self._guesses = _guesses(prepared)
        self._at: Task | None = None
        self._began = self._last = 0.0
        self._round_began = clock()
        self._counts: dict[str, int] = {}
        self._base = 0
        self._done = 0
        self._units: dict[tuple[str, bool], int] = {}
        """How much each step had to do when it last ran, in round 0 and in later ones."""
        self._seconds: dict[str, float] = {}
        """What a unit took when the step last ran."""

    @property
    def standing(self) -> RunStanding:
        """Where the run is now."""
        assert self._at is not None, "no step is running"
        task = self._at
        total = max(self._expected(task), self._done)
        of = self._prepared.recipe.rounds
        return RunStanding(
            round=task.round,
            of=of,
            step=task.entry.key,
            number=self._place(task) + 1,
            steps=len(self._prepared.round(task.round)),
            done=self._done,
            total=total,
            unit=_unit(task),
            left_s=self.left(),
        )

    def known(self) -> dict[str, Any]:
        """Where the run is now, as `progress.json` keeps it; nothing before its first step."""
        return {} if self._at is None else asdict(self.standing)

    def expect(self, calls: Mapping[str, int]) -> None:
        """Take in the calls of each task by its name, where a forecast has counted them."""
        self._guesses |= _counted(self._prepared, calls)

    def report(
        self,
        what: str,
        done: int,
        total: int | None,
        /,
        *,
        asked: ModelCalls | None = None,
        figures: Mapping[str, float] | None = None,
    ) -> None:
        """Take in what a model or a training tells of itself; see `Report`."""
        self._also(what, done, total, asked=asked, figures=figures)
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
    def running(self, task: Task) -> Iterator[None]:
        """Stand around a task; within it another may run."""
        around = self._at, self._began
        self._at, self._began = task, self._clock()
        self._base, self._done = sum(self._counts.values()), 0
        self._tell()
        self._begins()
        yield
        self._note(task)
        if around[0] is not None:
            (self._at, self._began), self._done = around, 0
            self._base = sum(self._counts.values())
            self._begins()

    def ended(self, task: Task, row: Mapping[str, Any], *, found: bool) -> None:
        """A task is finished that still runs here; `row` is what it puts into the table of rounds."""
        self._listener.ended(
            EndedStep(
                round=task.round,
                step=task.entry.key,
                done=self._done,
                unit=_unit(task),
                seconds=self._clock() - self._began,
                found=found,
                row=row,
            )
        )

    def round_over(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """The round of the last row is over."""
        now = self._clock()
        self._listener.round_over(
            EndedRound(
                row=rows[-1], before=rows[-2] if len(rows) > 1 else None, seconds=now - self._round_began
            )
        )
        self._round_began = now

    def _place(self, task: Task) -> int:
        return next(
            where for where, each in enumerate(self._prepared.round(task.round)) if each.name == task.name
        )

    def _note(self, task: Task) -> None:
        if self._done:  # what was found where it was made says nothing
            self._units[task.entry.key, task.round == 0] = self._done
            self._seconds[task.entry.key] = (self._clock() - self._began) / self._done

    def left(self) -> float | None:
        """Seconds until all rounds are over, about."""
        assert self._at is not None, "no step is running"
        task = self._at
        score_s = self._score_s()
        if score_s is None:
            return None
        tasks = self._prepared.tasks
        place = next(where for where, each in enumerate(tasks) if each.name == task.name)
        now = max(0, self._expected(task) - self._done) * self._unit_s(task, score_s)
        return now + sum(self._expected(each) * self._unit_s(each, score_s) for each in tasks[place + 1 :])

    def _tell(self) -> None:
        self._last = self._clock()
        self._listener.told(self.standing)

    def _score_s(self) -> float | None:
        """Seconds of a score, by the last step that made some."""
        for task in self._prepared.tasks:
            if task.entry.key in self._seconds and self._counts_scores(task):
                return self._seconds[task.entry.key]
        if self._at is not None and self._counts_scores(self._at) and self._far_enough():
            return (self._clock() - self._began) / self._done
        return None

    def _counts_scores(self, task: Task) -> bool:
        step = STEPS.get(task.entry.step)
        return not step.trains and step.unit(task.entry.settings) == 1.0

    def _far_enough(self) -> bool:
        return self._at is not None and 0 < self._done >= OWN_PACE_AFTER * self._expected(self._at)

    def _unit_s(self, task: Task, score_s: float) -> float:
        if self._at is not None and task is self._at and self._done and self._far_enough():
            return (self._clock() - self._began) / self._done
        if task.entry.key in self._seconds:
            return self._seconds[task.entry.key]
        return STEPS.get(task.entry.step).unit(task.entry.settings) * score_s

    def _expected(self, task: Task) -> int:
        """Calls of a step, or steps of a training."""
        known = self._units.get((task.entry.key, task.round == 0))
        return known if known is not None else self._guesses[task.name]


def _unit(task: Task) -> str:
    return "step" if STEPS.get(task.entry.step).trains else "call"


def _counted(prepared: PreparedRecipe, calls: Mapping[str, int]) -> dict[str, int]:
    """Calls of a forecast, of the tasks that are measured in calls."""
    return {
        each.name: calls[each.name] for each in prepared.tasks if each.name in calls and _unit(each) == "call"
    }


def _guesses(prepared: PreparedRecipe) -> dict[str, int]:
    """How much work each task is, by its name, before anything has run."""
    prompts = prepared.prompts["train"]
    applying = [sum(applies(rule, each) for rule in prepared.constitution.principles) for each in prompts]
    principles = sum(applying) / max(1, len(applying))
    sizes = {"prompts": len(prompts)}
    return {
        task.name: STEPS.get(task.entry.step).work(
            Expected(
                prepared=prepared, entry=task.entry, round=task.round, principles=principles, sizes=sizes
            )
        )
        for task in prepared.tasks
    }
