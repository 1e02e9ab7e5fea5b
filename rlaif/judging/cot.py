"""Reads what a judge wrote: one reply, and several replies to one question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from rlaif.judging.labels import CallReading
from rlaif.judging.parse import STILL_THINKING, behind_thought, parse_verdict
from rlaif.records import Generation, State

CLAMP = 0.02
"""A written verdict is all or nothing, and no reasoning is that sure: shares of votes are clipped to [0.02, 0.98]."""
QUORUM = 0.5
"""Share of the texts to a question that must hold a verdict: a few that can be read are not what the judge says."""
SPREAD_TEMPERATURE = 0.7
"""For several texts per question: at temperature 0 all of them would be one."""
ANSWER = "Answer:"
"""What stands before a verdict, behind the reasoning."""


def read_votes(readings: Sequence[CallReading], clamp: float | None = None) -> CallReading:
    """The mean of readable votes, a tie half of each; no number where they are less than half of all texts.

    A mean is clipped to [clamp, 1 - clamp]; without `clamp` a preference by CLAMP, and a number on a scale not at all.
    """
    numbers = [reading for reading in readings if reading.value is not None]
    ties = sum(reading.state is State.TIE for reading in readings)
    heard = len(numbers) + ties
    if not readings:
        return CallReading(State.UNREADABLE, detail="nothing was asked")
    if not heard or heard < QUORUM * len(readings):
        return _silence([each for each in readings if each.value is None and each.state is not State.TIE])
    if not numbers:
        return CallReading(State.TIE)
    share = (sum(reading.value or 0.0 for reading in numbers) + ties / 2) / heard
    lost = len(readings) - heard
    detail = f"{lost} of {len(readings)} texts have no verdict" if lost else ""
    state = numbers[0].state
    if clamp is None and state is State.PREFERENCE:
        clamp = CLAMP
    return CallReading(state, share if clamp is None else min(max(share, clamp), 1 - clamp), detail=detail)


def _silence(lost: Sequence[CallReading]) -> CallReading:
    """Why there is no verdict: the most frequent reason, in the order of the enum on equal counts."""
    states = Counter(each.state for each in lost)
    state = max((each for each in State if states[each]), key=lambda each: states[each])
    first = next(each for each in lost if each.state is state)
    return (
        first
        if len(lost) == 1
        else first._replace(detail=f"{first.detail} ({len(lost)} texts have no verdict)")
    )


def read_reply(reply: Generation | None, read: Callable[[str], CallReading]) -> CallReading:
    """One reply: `read` sees the text of those that came back whole."""
    if reply is None:
        return CallReading(State.TRANSPORT, detail="no answer came back")
    if reply.error is not None:
        return CallReading(State.TRANSPORT, detail=reply.error)
    if reply.finish == "length":
        cut = "the thought takes all the room" if reply.open_thought else "the text ends before its verdict"
        return CallReading(State.TRUNCATED, detail=cut)
    if reply.open_thought:
        return CallReading(State.UNREADABLE, detail=STILL_THINKING)
    return read(reply.text)


def rationale_of(text: str) -> tuple[str, bool] | None:
    """The reasoning before a verdict, and whether the verdict names the first shown; None where there is no verdict."""
    label = parse_verdict(text).label
    if label is None:
        return None
    above, line_feed, last = (behind_thought(text) or "").rstrip().rpartition("\n")
    cut = last.lower().rfind(ANSWER.lower())
    # other words for a verdict have the line for themselves
    return above if cut < 0 else above + line_feed + last[:cut], label == "A"


def read_verdict(text: str) -> CallReading:
    """A text that ends in `Answer: A` or `Answer: B`."""
    verdict = parse_verdict(text)
    if verdict.label is None:
        state = State.JUDGE_REFUSED if verdict.refused else State.UNREADABLE
        return CallReading(state, detail=verdict.problem)
    return CallReading(State.PREFERENCE, 1.0 if verdict.label == "A" else 0.0)
