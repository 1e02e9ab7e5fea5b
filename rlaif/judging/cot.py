"""Reads what a judge wrote: one reply, and several replies to one question."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rlaif.judging.labels import Reading
from rlaif.judging.parse import parse_verdict
from rlaif.records import Generation, Sampling, State

CLAMP = 0.02
"""A written verdict is all or nothing, and no reasoning is that sure: the share of votes stays this far off 0 and 1."""
COT_SAMPLING = Sampling(temperature=0.0, max_tokens=512)
SPREAD = Sampling(temperature=0.7, max_tokens=512)
"""For several texts a question: at temperature 0 all of them would be one."""


def read_votes(readings: Sequence[Reading], clamp: float = CLAMP) -> Reading:
    """The mean of readable votes, a tie half of each. Unreadable ones have no vote; without any there is no number."""
    numbers = [reading for reading in readings if reading.value is not None]
    ties = sum(reading.state is State.TIE for reading in readings)
    if not numbers and ties:
        return Reading(State.TIE)
    if not numbers:
        return readings[0] if readings else Reading(State.UNREADABLE, detail="nothing was asked")
    heard = len(numbers) + ties
    share = (sum(reading.value or 0.0 for reading in numbers) + ties / 2) / heard
    lost = len(readings) - heard
    detail = f"{lost} of {len(readings)} texts have no verdict" if lost else ""
    return Reading(numbers[0].state, min(max(share, clamp), 1 - clamp), detail=detail)


def read_reply(reply: Generation | None, read: Callable[[str], Reading]) -> Reading:
    """One reply: `read` sees the text of those that came back whole."""
    if reply is None:
        return Reading(State.TRANSPORT, detail="no answer came back")
    if reply.error is not None:
        return Reading(State.TRANSPORT, detail=reply.error)
    if reply.finish == "length":
        return Reading(State.TRUNCATED, detail="the text ends before its verdict")
    return read(reply.text)


def read_verdict(text: str) -> Reading:
    """A text that ends in `Answer: A` or `Answer: B`."""
    verdict = parse_verdict(text)
    if verdict.label is None:
        state = State.JUDGE_REFUSED if verdict.refused else State.UNREADABLE
        return Reading(state, detail=verdict.problem)
    return Reading(State.PREFERENCE, 1.0 if verdict.label == "A" else 0.0)
