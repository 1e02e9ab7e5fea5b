"""Plain Python functions as judges and rewards: what they answer is data, what they raise is that call's failure.

A reward is `(prompt, completion) -> float | None`, in units of its own; a comparison is
`(prompt, a, b) -> float | None`, P(a is better). None is no answer: the state `abstain`, never a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import ClassVar

from rlaif.hashing import digest
from rlaif.judging.labels import CallReading
from rlaif.judging.protocol import One, Two
from rlaif.judging.protocols import PER_PAIR
from rlaif.records import Completion, Judgment, Principle, Prompt, State

RewardFunction = Callable[[Prompt, Completion], float | None]
PairFunction = Callable[[Prompt, Completion, Completion], float | None]
WON = "rank"
"""The protocol of numbers that are made of comparisons."""
RAISED = "raised "
"""Begins the reason of a judgment where somebody's code raised."""


class FunctionReward:
    """A function of one completion as a `Reward`."""

    def __init__(self, name: str, function: RewardFunction, *, fingerprint: str) -> None:
        """`fingerprint` as `rlaif.hashing.source_fingerprint` gives it."""
        self.name = name
        self.fingerprint = fingerprint
        self._function = function

    def rewards(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float | None]:
        """One number a completion; None where the function gave none, or failed."""
        return [each.value for each in self.readings(list(zip(prompts, completions, strict=True)))]

    def readings(self, items: Sequence[One]) -> list[CallReading]:
        """One an item: its number, or why there is none."""
        return [_reading(self._function, *each) for each in items]


class PairFunctionJudge:
    """A comparing function as judge. It reads no principles: its judgments are of the completions as wholes."""

    reads_principles: ClassVar[bool] = False

    def __init__(self, name: str, function: PairFunction, *, fingerprint: str) -> None:
        """`fingerprint` as `rlaif.hashing.source_fingerprint` gives it."""
        self.name = name
        self.fingerprint = digest("judge", "pair function", fingerprint)
        self._function = function
        self._answered: dict[tuple[str, str], CallReading] = {}

    def compare(self, items: Sequence[Two], principles: Sequence[Principle]) -> list[Judgment]:
        """P(first listed is better), the function being called in both orders: one that follows position shows."""
        return [
            self._judgment(PER_PAIR, prompt, pair, self._asked(prompt, *pair))
            for prompt, one, other in items
            for pair in ((one, other), (other, one))
        ]

    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """The mean P(it is better) against each other completion of its prompt, over both orders: N (N - 1) calls.

        A completion that is alone, or none of whose comparisons could be read in both orders, has no number.
        """
        groups: dict[str, dict[str, One]] = {}
        for prompt, completion in items:
            groups.setdefault(prompt.id, {})[completion.id] = (prompt, completion)
        found = {name: each for group in groups.values() for name, each in self._standings(group).items()}
        return [self._judgment(WON, prompt, (each,), found[each.id]) for prompt, each in items]

    def _standings(self, group: Mapping[str, One]) -> dict[str, CallReading]:
        won: dict[str, list[float]] = {name: [] for name in group}
        lost: dict[str, CallReading] = {}
        for (prompt, one), (_, other) in combinations(group.values(), 2):
            there, back = self._asked(prompt, one, other), self._asked(prompt, other, one)
            if there.value is None or back.value is None:
                why = there if there.value is None else back
                lost |= {one.id: why, other.id: why}
                continue
            # in this order, so that a judge that follows position gives exactly one half
            share = (there.value - back.value + 1) / 2
            won[one.id].append(share)
            won[other.id].append(1 - share)
        alone = CallReading(State.ABSTAIN, detail="there is nothing to compare it with")
        return {
            name: CallReading(State.SCORE, math.fsum(shares) / len(shares))
            if shares
            else lost.get(name, alone)
            for name, shares in won.items()
        }

    def _asked(self, prompt: Prompt, first: Completion, second: Completion) -> CallReading:
        key = (first.id, second.id)
        if key not in self._answered:
            reading = _reading(self._function, prompt, first, second)
            if reading.value is not None and not 0 <= reading.value <= 1:
                reading = CallReading(State.UNREADABLE, detail=f"{reading.value!r} is no probability")
            elif reading.value is not None:
                reading = reading._replace(state=State.PREFERENCE)
            if reading.detail.startswith(RAISED):
                return reading  # a failure is never kept: the next one who asks calls again
            self._answered[key] = reading
        return self._answered[key]

    def _judgment(
        self, protocol: str, prompt: Prompt, completions: Sequence[Completion], reading: CallReading
    ) -> Judgment:
        return Judgment(
            protocol=protocol,
            judge=self.fingerprint,
            prompt_id=prompt.id,
            completion_ids=tuple(each.id for each in completions),
            principle_id=None,
            state=reading.state,
            value=reading.value,
            detail=reading.detail,
        )


def _reading(function: Callable[..., object], *arguments: Prompt | Completion) -> CallReading:
    try:
        answer = function(*arguments)
    except Exception as problem:  # noqa: BLE001 - whatever the user's code raises is the failure of this call
        return failure(problem)
    return read_number(answer)


def failure(problem: Exception) -> CallReading:
    """The reading of a call in which somebody's code raised: no transport failed, and no answer can be read."""
    told = f"{type(problem).__name__}: {problem}".removesuffix(": ")
    return CallReading(State.UNREADABLE, detail=f"{RAISED}{told}")


def read_number(answer: object) -> CallReading:
    """What somebody's code answered: a number, no answer (None), or what is no number and unreadable."""
    if answer is None:
        return CallReading(State.ABSTAIN)
    try:
        number = math.nan if isinstance(answer, str) else float(answer)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        return CallReading(State.UNREADABLE, detail=f"{answer!r:.80} is no number")
    return CallReading(State.SCORE, number)
