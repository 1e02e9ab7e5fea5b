"""Several texts to one question: who speaks for all of them, and when nobody does."""

from __future__ import annotations

import pytest

from rlaif.judging.cot import CLAMP, read_votes
from rlaif.judging.labels import CallReading
from rlaif.records import State

A, B = CallReading(State.PREFERENCE, 1.0), CallReading(State.PREFERENCE, 0.0)
TIE = CallReading(State.TIE)
REFUSED, LOST = CallReading(State.JUDGE_REFUSED, detail="no"), CallReading(State.UNREADABLE, detail="what?")


def test_readable_votes_count_alike() -> None:
    assert read_votes([A, A, A, B]).value == pytest.approx(0.75)
    assert read_votes([A, TIE]).value == pytest.approx(0.75)
    assert read_votes([A]).value == 1 - CLAMP
    assert read_votes([TIE, TIE]).state is State.TIE


def test_a_few_readable_texts_among_many_are_no_verdict() -> None:
    found = read_votes([A, *[REFUSED] * 15])
    assert (found.state, found.value) == (State.JUDGE_REFUSED, None)
    assert found.detail == "no (15 texts have no verdict)"
    assert read_votes([A, A, LOST, REFUSED, LOST]).state is State.UNREADABLE
    assert read_votes([TIE, LOST, LOST]).state is State.UNREADABLE


def test_half_of_the_texts_speak_for_all() -> None:
    found = read_votes([A, A, LOST, REFUSED])
    assert (found.state, found.value) == (State.PREFERENCE, 1 - CLAMP)
    assert found.detail == "2 of 4 texts have no verdict"


def test_a_lone_failure_keeps_its_own_reason() -> None:
    assert read_votes([LOST]) == LOST
    assert read_votes([]).state is State.UNREADABLE


def test_a_mean_on_a_scale_of_its_own_is_not_clipped() -> None:
    four, five = CallReading(State.SCORE, 4.0), CallReading(State.SCORE, 5.0)
    assert read_votes([four, five]).value == 4.5
    assert read_votes([five], CLAMP).value == 1 - CLAMP
