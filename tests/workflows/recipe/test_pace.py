"""How a run stands: nothing is said before something is known, and the estimate is right where all is even."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.pace import EVERY_S, EndedRound, EndedStep, Nobody, Pace, RunStanding
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.task import Task

SCORE_S, DRAW_S, STEP_S = 0.01, 0.05, 2.0


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def prepared(tmp_path: Path) -> PreparedRecipe:
    return prepare_recipe(RunConfig(recipe="self-rewarding", out=tmp_path / "run"))


def work(task: Task) -> tuple[int, float]:
    """Units of a step, and seconds of each."""
    match task.entry.step:
        case "sample":
            return 1800, DRAW_S
        case "judge":
            return 17_400, SCORE_S
        case "train":
            return 40, STEP_S
        case _:
            return 6000, SCORE_S


def play(pace: Pace, clock: Clock, task: Task, share: float = 1.0) -> None:
    """A step, or the beginning of one that then stops."""
    units, each_s = work(task)
    for done in range(1, round(units * share) + 1):
        clock.now += each_s
        if task.entry.step == "train":
            pace.report("dpo", done, units)
        else:
            pace.report("calls of micro", play.calls + done, None)  # type: ignore[attr-defined]
    if task.entry.step != "train":
        play.calls += round(units * share)  # type: ignore[attr-defined]


def rounds(pace: Pace, clock: Clock, prepared: PreparedRecipe, last: int) -> None:
    play.calls = 0  # type: ignore[attr-defined]
    for task in prepared.tasks:
        if task.round <= last:
            with pace.running(task):
                play(pace, clock, task)


class Told(Nobody):
    """Keeps where a run is said to be."""

    def __init__(self, kept: list[RunStanding]) -> None:
        self.kept = kept

    def told(self, standing: RunStanding) -> None:
        self.kept.append(standing)


def evaluation(prepared: PreparedRecipe, number: int) -> Task:
    return prepared.round(number)[-1]


def test_nothing_is_said_of_the_rest_before_anything_is_known(prepared: PreparedRecipe) -> None:
    told: list[RunStanding] = []
    pace = Pace(prepared, Told(told), clock=Clock())
    with pace.running(evaluation(prepared, 0)):
        assert told == [told[0]]
    assert (told[0].round, told[0].of, told[0].step, told[0].done) == (0, 3, "evaluate", 0)
    assert told[0].left_s is None


def test_where_rounds_are_alike_the_rest_is_known_after_one(prepared: PreparedRecipe) -> None:
    clock = Clock()
    pace = Pace(prepared, clock=clock)
    rounds(pace, clock, prepared, 1)
    a_round = sum(units * each_s for units, each_s in map(work, prepared.round(1)))
    sample = prepared.round(2)[0]
    with pace.running(sample):
        assert pace.left() == pytest.approx(2 * a_round)
        play(pace, clock, sample, 0.5)
        assert pace.left() == pytest.approx(2 * a_round - 900 * DRAW_S)
        assert (pace.standing.done, pace.standing.total) == (900, 1800)


def test_the_first_guess_is_of_the_right_size(prepared: PreparedRecipe) -> None:
    clock = Clock()
    pace = Pace(prepared, clock=clock)
    rounds(pace, clock, prepared, 0)
    whole = 3 * sum(units * each_s for units, each_s in map(work, prepared.round(1)))
    with pace.running(prepared.round(1)[0]):
        left = pace.left()
    assert left is not None
    assert whole / 3 < left < whole * 3


def test_a_slower_step_is_noticed_while_it_runs(prepared: PreparedRecipe) -> None:
    clock = Clock()
    pace = Pace(prepared, clock=clock)
    rounds(pace, clock, prepared, 3)
    with pace.running(evaluation(prepared, 3)):
        pace.report("calls of micro", play.calls + 3000, None)  # type: ignore[attr-defined]
        clock.now += 600
        assert pace.left() == pytest.approx(600)


def test_what_was_taken_from_where_it_was_made_says_nothing_of_what_will_not_be(
    prepared: PreparedRecipe,
) -> None:
    clock = Clock()
    pace = Pace(prepared, clock=clock)
    rounds(pace, clock, prepared, 1)
    sample = prepared.round(2)[0]
    with pace.running(sample):
        before = pace.left()
    with pace.running(sample):
        assert pace.left() == before


def test_it_is_told_as_often_as_somebody_can_read(prepared: PreparedRecipe) -> None:
    told: list[RunStanding] = []
    clock = Clock()
    pace = Pace(prepared, Told(told), clock=clock)
    rounds(pace, clock, prepared, 0)
    assert len(told) <= 2 + 6000 * SCORE_S / EVERY_S


def test_who_counts_calls_hears_of_them_too(prepared: PreparedRecipe) -> None:
    heard: list[tuple[str, int, int | None]] = []
    pace = Pace(prepared, also=lambda *what, asked=None, figures=None: heard.append(what))
    pace.report("calls of micro", 3, None)
    with pace.running(prepared.round(1)[0]):
        pace.report("dpo", 1, 40)
    assert heard == [("calls of micro", 3, None), ("dpo", 1, 40)]


def test_the_first_guess_of_pairs_counts_the_tests_of_the_principles(prepared: PreparedRecipe) -> None:
    rules = prepared.constitution.principles
    bare = replace(
        prepared,
        constitution=replace(
            prepared.constitution, principles=tuple(replace(each, tests=()) for each in rules)
        ),
    )

    def guess(one: PreparedRecipe) -> int:
        told: list[RunStanding] = []
        pace = Pace(one, Told(told), clock=Clock())
        with pace.running(next(each for each in one.tasks if each.entry.step == "pairs")):
            return told[0].total

    assert sum(len(each.tests) for each in rules) > 0
    # every test is compared in both orders
    assert guess(prepared) - guess(bare) == 2 * sum(len(each.tests) for each in rules)


def test_calls_that_a_forecast_has_counted_are_the_total_of_a_step(prepared: PreparedRecipe) -> None:
    told: list[RunStanding] = []
    task = prepared.round(1)[0]
    pace = Pace(prepared, Told(told), clock=Clock())
    pace.expect({task.name: 321})
    with pace.running(task):
        pass
    assert told[0].total == 321


def test_a_step_is_told_by_its_place_in_the_round(prepared: PreparedRecipe) -> None:
    told: list[RunStanding] = []
    pace = Pace(prepared, Told(told), clock=Clock())
    with pace.running(evaluation(prepared, 1)):
        pass
    assert (told[0].number, told[0].steps) == (len(prepared.round(1)),) * 2


def test_a_finished_step_and_a_finished_round_are_told_with_what_they_took(prepared: PreparedRecipe) -> None:
    heard: list[Any] = []

    class Ended(Nobody):
        def ended(self, step: EndedStep) -> None:
            heard.append(step)

        def round_over(self, ended: EndedRound) -> None:
            heard.append(ended)

    clock = Clock()
    pace = Pace(prepared, Ended(), clock=clock)
    task = prepared.round(1)[0]
    with pace.running(task):
        pace.report("calls of micro", 7, None)
        clock.now += 5
        pace.ended(task, {"pairs": 3}, found=False)
    clock.now += 1
    pace.round_over([{"round": 0, "gold_mean": 0.5}, {"round": 1, "gold_mean": 0.7}])
    step, ended = heard
    assert (step.step, step.done, step.unit, step.seconds, step.found) == ("sample", 7, "call", 5, False)
    assert (ended.row["gold_mean"], ended.before["gold_mean"], ended.seconds) == (0.7, 0.5, 6)
