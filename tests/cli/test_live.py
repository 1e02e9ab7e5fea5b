"""What is shown while a command works, and what is left of it when a step is finished."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from rlaif.cli import live
from rlaif.cli.live import CALLS, Display, Progressed, duration, finished, finished_round, lines, short, stood
from rlaif.cli.output import WIDTH
from rlaif.workflows.progress import ModelCalls
from rlaif.workflows.recipe.pace import EndedRound, EndedStep, RunStanding


def standing(**how: Any) -> RunStanding:
    own: dict[str, Any] = {"round": 2, "of": 3, "step": "judge", "number": 2, "steps": 5}
    own |= {"done": 3200, "total": 17_000, "left_s": 130.0}
    return RunStanding(**(own | how))


class Clock:
    """A clock that a test winds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def display(clock: Clock, said: list[str], calls: int | None = None, **how: Any) -> Display:
    shown = Display(clock=clock, say=said.append, **how)
    shown.expect(calls)
    return shown


def test_a_run_says_round_and_step_how_far_and_what_is_left(clock: Clock) -> None:
    shown = display(clock, [])
    shown.told(standing())
    first, second = lines(shown.progressed)
    assert first == "round 2 of 3, step 2 of 5: judge: 3,200 of about 17,000 calls"
    assert second == "about 2 min left in all"


def test_what_calls_took_is_shown_with_those_that_failed_and_why(clock: Clock) -> None:
    shown = display(clock, [])
    shown.told(standing())
    asked = ModelCalls(
        new=300, reused=20, failed=2, cut=3, tokens=3_210_000, money=1.5, reason="HTTP 503 " * 9
    )
    shown.report("calls of big", 320, None, asked=asked)
    shown.report("calls of small", 4, None, asked=ModelCalls(new=4, tokens=90))
    clock.now = 8.0
    assert lines(shown.progressed)[1] == (
        "400/s, 3.21M tokens (401k/s), cost at least 1.50, 20 from the store, "
        "2 failed (HTTP 503 HTTP 503 HTTP 503 HTTP 503 H...), 3 ran out of tokens, about 2 min left in all"
    )


def test_the_speed_in_tokens_is_that_of_the_step_and_not_of_those_before(clock: Clock) -> None:
    shown = display(clock, [])
    shown.report("calls of big", 10, None, asked=ModelCalls(new=10, tokens=9_000))
    clock.now = 100.0
    shown.report("reading", 0, 4)
    shown.report("calls of big", 10, None, asked=ModelCalls(new=10, tokens=9_000))
    clock.now = 110.0
    shown.report("calls of big", 20, None, asked=ModelCalls(new=20, tokens=9_500))
    assert "9,500 tokens (50/s)" in lines(shown.progressed)[1]


def test_a_command_without_a_forecast_shows_no_total_and_one_with_it_the_time_that_is_left(
    clock: Clock,
) -> None:
    for calls, words in (
        (None, ("50 calls", "5/s")),
        (100, ("50 of about 100 calls", "5/s, about 10 s left")),
    ):
        shown = display(clock, [], calls=calls)
        clock.now = 0.0
        shown.report("calls of micro", 0, None)
        clock.now = 10.0
        shown.report("calls of micro", 50, None)
        assert lines(shown.progressed) == words
        clock.now = 0.0


def test_calls_of_several_models_are_one_count(clock: Clock) -> None:
    shown = display(clock, [], calls=100)
    shown.report("calls of policy", 30, None)
    shown.report("calls of judge", 20, None)
    assert lines(shown.progressed)[0] == "50 of about 100 calls"


def test_more_calls_than_forecast_are_no_bar_beyond_its_end(clock: Clock) -> None:
    shown = display(clock, [], calls=10)
    shown.report("calls of micro", 12, None)
    assert (shown.progressed.done, shown.progressed.total) == (12, 12)


def test_a_training_shows_its_figures_and_is_not_drowned_by_the_calls_of_its_reward(clock: Clock) -> None:
    shown = display(clock, [])
    figures = {"loss": 0.6931, "rewards/margins": 0.25, "kl": 1.5, "lr": 1e-4}
    shown.report("grpo", 3, 40, figures=figures)
    shown.report("calls of micro", 99, None, asked=ModelCalls(new=99, tokens=12))
    first, second = lines(shown.progressed)
    assert first == "grpo: 3 of 40 steps"
    assert second == "loss 0.693, margin 0.25, KL 1.5, 12 tokens"


def test_off_a_terminal_a_line_comes_every_thirty_seconds(clock: Clock) -> None:
    said: list[str] = []
    with display(clock, said) as shown:
        for second in range(95):
            clock.now = float(second)
            shown.report("calls of micro", second, None)
    assert len(said) == 3
    assert said[0].startswith("30 calls")


def test_off_a_terminal_a_run_says_each_step_as_it_begins_and_then_every_thirty_seconds(clock: Clock) -> None:
    said: list[str] = []
    with display(clock, said) as shown:
        for second in range(65):
            clock.now = float(second)
            shown.told(standing(done=second, left_s=None))
        shown.told(standing(step="pairs", number=3))
    assert [line.split(", ")[1].split(":")[1] for line in said] == [" judge", " judge", " judge", " pairs"]


def test_quiet_says_nothing(clock: Clock) -> None:
    said: list[str] = []
    with display(clock, said, quiet=True) as shown:
        for second in (0, 50, 100):
            clock.now = float(second)
            shown.told(standing())
        shown.ended(ended())
    assert said == []


def ended(**how: Any) -> EndedStep:
    own: dict[str, Any] = {"round": 1, "step": "pairs", "done": 590, "unit": "call", "seconds": 62.0}
    own |= {"found": False, "row": {"pairs": 24, "pair_precision": 0.958, "warnings": ["x"]}}
    return EndedStep(**(own | how))


def test_a_finished_step_is_one_line_with_its_result() -> None:
    assert finished(ended()) == "  pairs: 590 calls, 24 pairs, precision 0.96 (1 min)"
    assert finished(ended(done=0, found=True, row={}, seconds=0.1)) == "  pairs: found where it was made"
    assert finished(ended(done=0, row={"gold_mean": None}, seconds=0.1)) == "  pairs: done"


def test_a_finished_round_says_from_where_to_where() -> None:
    row = {"round": 1, "pairs": 300, "gold_mean": 0.766, "judge_mean": None, "kl": 1.0}
    over = EndedRound(row=row, before={"gold_mean": 0.56}, seconds=120)
    assert finished_round(over) == "round 1: 300 pairs, gold 0.56 -> 0.77, KL 1.00 (2 min)"
    first = EndedRound(row={"round": 0, "pairs": 0, "gold_mean": 0.56}, before=None, seconds=20)
    assert finished_round(first) == "round 0: gold 0.56 (20 s)"


def test_after_the_last_round_nothing_stands_of_its_last_step(clock: Clock) -> None:
    shown = display(clock, [])
    shown.told(standing(round=3))
    shown.round_over(EndedRound(row={"round": 3}, before=None, seconds=1))
    assert lines(shown.progressed)[0] == "writing the report"


def test_no_text_of_a_model_moves_the_cursor(clock: Clock) -> None:
    said: list[str] = []
    shown = display(clock, said)
    shown.ended(ended(step="a\x1b[2Jb"))
    assert said == ["  a\\u001b[2Jb: 590 calls, 24 pairs, precision 0.96 (1 min)"]


def test_on_a_terminal_the_picture_is_two_lines_no_wider_than_it(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=WIDTH, color_system=None)
    monkeypatch.setattr(live, "console", lambda: screen)
    shown = display(clock, [])
    assert shown.live
    shown.told(standing(step="a-step-with-a-long-name", done=10**6, total=10**7))
    asked = ModelCalls(
        new=10**9, failed=10**6, cut=10**6, reused=10**6, tokens=10**12, money=1e6, reason="r" * 99
    )
    shown.report("calls of m", 1, None, asked=asked)
    with screen.capture() as held:
        screen.print(shown._picture())
    drawn = held.get().splitlines()
    assert len(drawn) == 2
    assert max(map(len, drawn)) <= WIDTH


@pytest.mark.parametrize(("seconds", "words"), [(3, "5 s"), (52, "50 s"), (130, "2 min"), (9000, "2.5 h")])
def test_time_is_said_roughly(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0"), (9999, "9,999"), (12_345, "12.3k"), (3_210_000, "3.21M"), (5e9, "5G")]
)
def test_large_counts_have_three_digits(count: int, words: str) -> None:
    assert short(count) == words


def test_while_nothing_is_known_a_command_is_starting() -> None:
    assert lines(Progressed(place="")) == ("loading models, counting what is to be asked", "")


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (Progressed(place=""), "interrupted before anything was made"),
        (
            Progressed(place="dpo", done=9, total=30, unit="step"),
            "interrupted at dpo: 9 of 30 steps; it goes on from its newest checkpoint",
        ),
        (
            Progressed(place=CALLS, done=48, total=56, about=True),
            "interrupted at 48 of about 56 calls; all answers are in the store",
        ),
    ],
    ids=["nothing", "training", "calls"],
)
def test_an_interrupted_command_says_how_far_it_was_and_what_is_kept(at: Progressed, said: str) -> None:
    assert stood(at).startswith(said)


def test_it_is_said_where_an_interruption_leaves_the_display() -> None:
    told: list[str] = []

    def work() -> None:
        with Display(say=told.append) as shown:
            shown.report("calls of micro", 3, None)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert told == ["interrupted at 3 calls; all answers are in the store, and none is asked for again"]
