"""What one server can do, learned from what it refuses, and remembered for the process by address and model.

A single refusal teaches only what was never seen to work: behind one address there may be several servers, and a stray
answer of one of them must not change what all further calls are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from rlaif.engines.openai.refusals import (
    BUDGET,
    EITHER,
    FEW,
    GUIDES,
    LENGTHS,
    PARAMETERS,
    SURE,
    asked_for,
    refused,
)

TOP = (20, FEW)
"""Candidates for the first token: what servers give at most, the generous ones first."""
REFUSALS = 3
"""Refusals of what has worked, with no answer in between, before it is taken for lost; also answers without
log-probabilities before a server is known to take no notice."""
NEEDED = (*SURE, "temperature", "top_p", "top_k", "min_p", "stop", BUDGET)
"""Without one of these an answer would be another answer: where a server refuses it, the call fails for it."""


class Lesson(Enum):
    """What a refusal comes to."""

    NOTHING = "nothing"
    """It is about something else."""
    LEARNED = "learned"
    """The request is worth another try, in other words."""
    DOUBTED = "doubted"
    """What it refuses has worked before: the same request is worth another try."""


@dataclass(slots=True)
class Capabilities:
    """Everything is taken to be there until the server says that it is not."""

    url: str = ""
    """Where the server is: of some hosts it is known how they are told the limit of a thought."""
    thinks: bool = False
    """Whether an answer of it came behind a thought."""
    missing: dict[str, str] = field(default_factory=dict)
    """What the server cannot do, and how it said so."""
    tops: list[int] = field(default_factory=lambda: list(TOP))
    guides: list[str] = field(default_factory=lambda: list(GUIDES))
    lengths: list[str] = field(default_factory=lambda: list(LENGTHS))
    proved: set[str] = field(default_factory=set)
    """Fields with which a request was answered."""
    doubts: dict[str, int] = field(default_factory=dict)
    """Refusals in a row of what was proved, and answers in a row without what they were asked for."""

    def can(self, name: str) -> bool:
        """Whether a switch is still on."""
        return name not in self.missing

    def lose(self, name: str, reason: str) -> None:
        """Note that the server cannot do something."""
        self.missing.setdefault(name, reason)

    def prove(self, sent: Mapping[str, Any]) -> None:
        """Note that a request was answered with everything that it asked for.

        Of the neutral value of a sampling parameter nothing follows for the others: some models take that one alone.
        """
        found = {name for name in asked_for(sent) if name not in ("temperature", "top_p") or sent[name] != 1}
        if "temperature" in sent and "top_p" in sent:
            found.add(EITHER)
        self.proved |= found
        for name in found:
            self.doubts.pop(name, None)

    def doubt(self, name: str, reason: str) -> None:
        """Note an answer without what it was asked for: after some of them it is taken for lost.

        What was seen to work is never lost in this way: then it is that answer which is none.
        """
        if name in self.proved or not self.can(name):
            return
        self.doubts[name] = self.doubts.get(name, 0) + 1
        if self.doubts[name] >= REFUSALS:
            self.lose(name, reason)

    def learn(self, sent: Mapping[str, Any], reason: str, *, plain: bool = True) -> Lesson:
        """Note what a refusal says that this server cannot do.

        `sent` is the refused body and `reason` the server's message; for `plain` see `refusals.refused`.
        """
        if self._learned_since(sent):
            return Lesson.LEARNED
        found = refused(sent, reason, plain=plain)
        if found is None or not self._is_open(found.name, found.most):
            return Lesson.NOTHING
        if found.name in self.proved:
            self.doubts[found.name] = self.doubts.get(found.name, 0) + 1
            # scores by votes must not follow those by log-probabilities, however often it is refused
            if self.doubts[found.name] < REFUSALS or found.name == "logprobs":
                return Lesson.DOUBTED
        self._lack(found.name, found.most, reason)
        return Lesson.LEARNED

    def _is_open(self, name: str, most: int | None) -> bool:
        """Whether anything is left to be learned of it."""
        if name == "top_logprobs":
            return most is not None and self.can("logprobs")
        return (
            name in self.guides
            or (name in self.lengths and len(self.lengths) > 1)
            or (name in (*PARAMETERS, EITHER) and self.can(name))
        )

    def _lack(self, name: str, most: int | None, reason: str) -> None:
        if name == "top_logprobs":
            fewer = [each for each in self.tops if most is not None and each <= most]
            if most == 0 or most is None:
                self.lose("logprobs", reason)
            else:
                self.tops = [most, *(each for each in fewer if each < most)]
        elif name in self.guides:
            self.guides.remove(name)
        elif name in self.lengths:
            self.lengths.remove(name)
        else:
            self.lose(name, reason)

    def _learned_since(self, sent: Mapping[str, Any]) -> bool:
        """Whether a refused body holds what another call has found out meanwhile: then it is to be said otherwise."""
        ways = [
            *(each for each in GUIDES if each not in self.guides),
            *(each for each in LENGTHS if each not in self.lengths),
        ]
        either = not self.can(EITHER) and "temperature" in sent and "top_p" in sent
        return (
            either
            or not asked_for(sent).isdisjoint((*self.missing, *ways))
            or int(sent.get("top_logprobs") or 0) > self.tops[0]
        )


_KNOWN: dict[tuple[str, str], Capabilities] = {}
_SCORED: dict[str, str] = {}


def capabilities_of(url: str, model: str) -> Capabilities:
    """What is known in this process of the server at `url`."""
    return _KNOWN.setdefault((url, model), Capabilities(url=url))


def scored_by(fingerprint: str, way: str = "") -> str:
    """The way in which scores of this fingerprint are made: the first that is given here; empty: none yet.

    Under one fingerprint scores are of one kind: shares of votes and log-probabilities are no figures to be mixed.
    """
    return _SCORED.setdefault(fingerprint, way) if way else _SCORED.get(fingerprint, "")


def forget() -> None:
    """Know nothing of any server."""
    _KNOWN.clear()
    _SCORED.clear()
