from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.judging.labels import AB, MIN_MASS, RATINGS, YES_NO, Labels, read_expected, read_share
from rlaif.records import Score, State


def score(labels: Labels, **probabilities: float) -> Score:
    """Probability of each spelling; `_yes` stands for " yes"."""
    found = {name.replace("_", " "): p for name, p in probabilities.items()}
    return Score(
        request_id="x", logprobs=tuple(math.log(found.get(t, 0) or 1e-30) for t in labels.continuations)
    )


def yes(answer: Score):
    return read_share(YES_NO, "yes", State.SCORE, answer)


def test_spellings_of_a_label_are_summed() -> None:
    reading = yes(score(YES_NO, yes=0.2, Yes=0.1, _yes=0.3, no=0.15, _No=0.05))
    assert reading.value == pytest.approx(0.75)
    assert reading.label_mass == pytest.approx(0.8)
    assert reading.state is State.SCORE


def logs(*probabilities: float) -> tuple[float, ...]:
    return tuple(map(math.log, probabilities))


def test_two_spellings_of_one_token_sequence_are_one_event() -> None:
    said = logs(0.4, 0.4, 0.1, 0.05, 0.2, 0.2, 1e-9, 1e-9)
    reading = yes(Score(request_id="x", logprobs=said, alike=(0, 0, 2, 3, 4, 4, 6, 7)))
    assert reading.label_mass == pytest.approx(0.75)
    assert reading.value == pytest.approx(0.55 / 0.75)


def test_two_spellings_that_are_just_as_likely_are_two_events() -> None:
    reading = read_share(
        AB, "A", State.PREFERENCE, Score(request_id="x", logprobs=logs(0.3, 0.3, 0.31, 0.02))
    )
    assert reading.value == pytest.approx(0.6 / 0.93)
    assert reading.label_mass == pytest.approx(0.93)


@given(st.lists(st.sampled_from([0.01, 0.02, 0.05, 0.1]), min_size=8, max_size=8))
def test_equal_probabilities_never_cost_a_label_its_mass(shares: list[float]) -> None:
    masses = YES_NO.masses(logs(*shares))
    assert masses == {"yes": pytest.approx(sum(shares[:4])), "no": pytest.approx(sum(shares[4:]))}


@pytest.mark.parametrize("shares", [(0.9, 1e-9, 0.9, 1e-9), (0.75, 1e-9, 0.74, 1e-9)])
def test_probabilities_of_more_than_one_in_all_are_unreadable_and_no_tie(shares: tuple[float, ...]) -> None:
    reading = read_share(AB, "A", State.PREFERENCE, Score(request_id="x", logprobs=logs(*shares)))
    assert (reading.state, reading.value) == (State.UNREADABLE, None)


@pytest.mark.parametrize("mass", [0.0, 0.2, MIN_MASS - 1e-6])
def test_a_judge_that_says_something_else_is_unreadable(mass: float) -> None:
    reading = yes(score(YES_NO, yes=mass * 0.9, no=mass * 0.1))
    assert (reading.state, reading.value) == (State.UNREADABLE, None)
    assert reading.label_mass == pytest.approx(mass, abs=1e-9)


def test_half_the_mass_can_be_read() -> None:
    assert yes(score(YES_NO, yes=0.3, no=0.21)).state is State.SCORE


@pytest.mark.parametrize(
    "answer",
    [
        Score(request_id="x", logprobs=(), error="the server is gone"),
        Score(request_id="x", logprobs=()),
        Score(request_id="x", logprobs=(-1.0,)),
        Score(request_id="x", logprobs=(float("nan"),) * 8),
        Score(request_id="x", logprobs=(float("inf"), *[-1.0] * 7)),
        Score(request_id="x", logprobs=(3.0, *[-1.0] * 7)),
    ],
)
def test_a_failed_call_is_no_number(answer: Score) -> None:
    reading = yes(answer)
    assert (reading.state, reading.value) == (State.TRANSPORT, None)
    assert reading.detail


def test_minus_infinity_is_a_probability_of_nothing() -> None:
    reading = yes(Score(request_id="x", logprobs=(math.log(0.9), *[float("-inf")] * 7)))
    assert reading.value == 1.0


def test_a_preference_is_the_share_of_the_first_letter() -> None:
    reading = read_share(AB, "A", State.PREFERENCE, score(AB, A=0.6, _B=0.2))
    assert (reading.state, reading.value) == (State.PREFERENCE, pytest.approx(0.75))


def test_a_rating_is_the_expected_number() -> None:
    answer = score(RATINGS, **{"1": 0.1, "_4": 0.4, "5": 0.4})
    assert read_expected(RATINGS, answer).value == pytest.approx((0.1 + 1.6 + 2.0) / 0.9)


@given(st.lists(st.floats(-30, 0), min_size=8, max_size=8))
def test_a_reading_is_a_probability_or_no_number(logprobs: list[float]) -> None:
    reading = yes(Score(request_id="x", logprobs=tuple(logprobs)))
    if reading.value is None:
        assert reading.state is State.UNREADABLE
    else:
        assert 0 <= reading.value <= 1
        assert reading.label_mass is not None
        assert reading.label_mass >= MIN_MASS


@given(st.lists(st.floats(-30, -2.2), min_size=8, max_size=8, unique=True))
def test_yes_and_no_are_treated_alike(logprobs: list[float]) -> None:
    one = yes(Score(request_id="x", logprobs=tuple(logprobs)))
    other = yes(Score(request_id="x", logprobs=tuple(logprobs[4:] + logprobs[:4])))
    assert one.state is other.state
    if one.value is not None and other.value is not None:
        assert one.value == pytest.approx(1 - other.value)
