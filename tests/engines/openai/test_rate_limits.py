"""Calls a minute, cool-downs and waits, by a clock of the test's own."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.engines.openai.rate_limits import MOST_WAIT_S, Bucket, backoff, retry_after

pytestmark = pytest.mark.timing


@given(st.integers(1, 5000), st.lists(st.floats(0, 30), max_size=200))
def test_no_minute_has_more_calls_than_its_limit(limit: int, pauses: list[float]) -> None:
    bucket, now, gone = Bucket(limit), 0.0, []
    for pause in pauses:
        now += pause
        now += bucket.delay(now) + 1e-6
        bucket.take(1, now)
        gone.append(now)
    for place, start in enumerate(gone):
        assert sum(start <= each < start + 59.9 for each in gone[place:]) <= max(limit, 1)


def test_a_call_larger_than_what_is_left_goes_and_the_next_one_waits_for_it() -> None:
    bucket = Bucket(6000)  # a burst of 100, 98.3 a second
    assert bucket.delay(0.0) == 0.0
    bucket.take(1000, 0.0)
    assert bucket.delay(0.0) == pytest.approx((901 / 5900) * 60)
    bucket.take(-950, 0.0)
    assert bucket.delay(0.0) == 0.0


def test_without_a_limit_nothing_waits() -> None:
    bucket = Bucket(0)
    bucket.take(1e9, 0.0)
    assert bucket.delay(0.0) == 0.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, float("inf")),
        ({"retry-after": "0x10"}, None),
        ({"retry-after": "1,2"}, None),
        ({"retry-after": "Fri, 31 Dec 99999 23:59:59 GMT"}, None),
        ({"retry-after": "9" * 5000}, float("inf")),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1.0),
        ({"retry-after": formatdate(1030, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(990, usegmt=True)}, 0.0),
        # by the server's own clock, which is an hour off
        ({"retry-after": formatdate(4630, usegmt=True), "date": formatdate(4600, usegmt=True)}, 30.0),
    ],
)
def test_a_server_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, 1000.0) == seconds


def test_waits_double_are_bounded_and_differ_by_call_but_not_by_time() -> None:
    first = [backoff(1.0, attempt, "call") for attempt in range(1, 12)]
    assert first == [backoff(1.0, attempt, "call") for attempt in range(1, 12)]
    assert first != [backoff(1.0, attempt, "other") for attempt in range(1, 12)]
    for attempt, wait in enumerate(first, 1):
        middle = min(2.0 ** (attempt - 1), MOST_WAIT_S)
        assert 0.5 * middle <= wait <= 1.5 * middle
