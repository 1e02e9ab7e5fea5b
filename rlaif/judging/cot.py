"""Reads verdicts that a judge wrote behind its reasoning."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.judging.labels import Reading
from rlaif.judging.parse import parse_verdict
from rlaif.records import Generation, Sampling, State

CLAMP = 0.02
"""A written verdict is all or nothing, and no reasoning is that sure: the share of votes stays this far off 0 and 1."""
COT_SAMPLING = Sampling(temperature=0.0, max_tokens=512)


def read_votes(replies: Sequence[Generation | None], clamp: float = CLAMP) -> Reading:
    """The share of readable texts that say A. Unreadable ones have no vote; without any vote there is no number."""
    readings = [_read(reply) for reply in replies]
    votes = [reading.value for reading in readings if reading.value is not None]
    if not votes:
        return readings[0] if readings else Reading(State.UNREADABLE, detail="nothing was asked")
    share = sum(votes) / len(votes)
    lost = len(readings) - len(votes)
    detail = f"{lost} of {len(readings)} texts have no verdict" if lost else ""
    return Reading(State.PREFERENCE, min(max(share, clamp), 1 - clamp), detail=detail)


def _read(reply: Generation | None) -> Reading:
    if reply is None:
        return Reading(State.TRANSPORT, detail="no answer came back")
    if reply.error is not None:
        return Reading(State.TRANSPORT, detail=reply.error)
    if reply.finish == "length":
        return Reading(State.TRUNCATED, detail="the text ends before its verdict")
    verdict = parse_verdict(reply.text)
    if verdict.label is None:
        state = State.JUDGE_REFUSED if verdict.refused else State.UNREADABLE
        return Reading(state, detail=verdict.problem)
    return Reading(State.PREFERENCE, 1.0 if verdict.label == "A" else 0.0)
