"""Judges with a number of their own for each completion: reward models, fitted rules, rewards written in Python."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from rlaif.judging.labels import CallReading
from rlaif.judging.protocol import One, Two
from rlaif.judging.protocols import PER_COMPLETION, PER_PAIR
from rlaif.judging.scales import at_temperature
from rlaif.records import Completion, Judgment, Principle, Prompt, State


class RewardReading(NamedTuple):
    """The reward of one completion, or why there is none, with the keys of its calls."""

    calls: tuple[str, ...]
    reading: CallReading


class ScoringJudge(ABC):
    """Judges each completion as a whole by one number; it reads no principles, so that its judgments name none."""

    reads_principles: ClassVar[bool] = False
    may_abstain: ClassVar[bool] = False
    """Whether it may have nothing to say of a completion, which is no failure then: there is nothing to check."""
    described: ClassVar[str] = "a judge with rewards of its own (reward:DIR, rbr:FILE, a reward of yours)"
    name: str
    fingerprint: str

    @abstractmethod
    def scored(self, items: Sequence[One]) -> Mapping[str, RewardReading]:
        """By completion id, for different completions: the reward of each, in state SCORE where there is one."""

    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """The reward of each completion, in the judge's own units."""
        found = self._found(items)
        return [self._judgment(PER_COMPLETION, prompt, [each], found, State.SCORE) for prompt, each in items]

    def compare(self, items: Sequence[Two], principles: Sequence[Principle]) -> list[Judgment]:
        """P(first listed is better) = sigmoid(difference of rewards); the order cannot matter, and both are given."""
        found = self._found([(prompt, each) for prompt, *two in items for each in two])
        return [
            self._judgment(PER_PAIR, prompt, pair, found, State.PREFERENCE)
            for prompt, one, other in items
            for pair in ([one, other], [other, one])
        ]

    def _found(self, items: Sequence[One]) -> Mapping[str, RewardReading]:
        unique = {completion.id: (prompt, completion) for prompt, completion in items}
        return self.scored(list(unique.values()))

    def _judgment(
        self,
        protocol: str,
        prompt: Prompt,
        completions: Sequence[Completion],
        found: Mapping[str, RewardReading],
        state: State,
    ) -> Judgment:
        scored = [found[each.id] for each in completions]
        failed = next((each.reading for each in scored if each.reading.value is None), None)
        values = [each.reading.value or 0.0 for each in scored]
        value = values[0] if len(values) == 1 else at_temperature(values[0] - values[1], 1.0)
        return Judgment(
            protocol=protocol,
            judge=self.fingerprint,
            prompt_id=prompt.id,
            completion_ids=tuple(each.id for each in completions),
            principle_id=None,
            state=failed.state if failed else state,
            value=None if failed else value,
            calls=tuple(call for each in scored for call in each.calls),
            detail=failed.detail if failed else "",
        )
