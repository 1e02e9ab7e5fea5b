"""The reward of an RL training: what each component says of a step's completions, and the totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from rlaif.errors import InputError
from rlaif.judging.group_rewards.combined import Combined
from rlaif.judging.group_rewards.part import PromptGroup
from rlaif.judging.labels import CallReading
from rlaif.records import Completion, Component, Prompt, ScoredGroups, State

T = TypeVar("T")


class PartsReward:
    """A `GroupReward` of `rlaif.records`.

    Components hold the numbers as they were given; `normalise` acts on totals alone, since GDPO standardises components
    itself. A completion that was cut off, or whose thought never ended, is no answer: nobody is asked of it, and it
    has neither components nor a total.
    """

    def __init__(self, whole: Combined, reach: Callable[[], None] = lambda: None) -> None:
        """`reach` finds out that all that is asked can be. Raises InputError where two components have one name."""
        names = [each.part.name for each in whole.parts]
        if twice := next((each for each in names if names.count(each) > 1), None):
            raise InputError(f"two parts are called {twice!r}; give one of them a `name`")
        self.whole = whole
        self.fingerprint = whole.fingerprint
        self.reach = reach
        self._reasons: dict[str, Counter[str]] = {name: Counter() for name in names}

    @property
    def reasons(self) -> Mapping[str, Counter[str]]:
        """By component, why it failed, each reason with how often; having nothing to say is no failure."""
        return self._reasons

    @property
    def rare(self) -> bool:
        """Whether some part says that few completions have another number than the rest at first."""
        return any(each.rare for each in self.whole.parts)

    def score(
        self, prompts: Sequence[Prompt], groups: Sequence[Sequence[Completion]], *, step: int, seed: int
    ) -> ScoredGroups:
        """The rewards of the completions of each prompt, flattened in the order of the groups."""
        given = [PromptGroup(*each) for each in zip(prompts, groups, strict=True)]
        whole = [
            PromptGroup(each.prompt, [one for one in each.completions if is_answer(one)]) for each in given
        ]
        asked = [each for each in whole if each.completions]
        columns = self.whole.columns(asked, step=step, seed=seed) if asked else [()] * len(self.whole.parts)
        totals = self.whole.totals(columns, [len(each.completions) for each in asked]) if asked else []
        for part, column in zip(self.whole.parts, columns, strict=True):
            lost = (each for each in column if each.value is None and not _is_silent(each))
            self._reasons[part.part.name].update(map(_told, lost))
        answered = [is_answer(each) for group in given for each in group.completions]
        return ScoredGroups(
            totals=_placed(totals, answered),
            additive=self.whole.additive(columns),
            components=tuple(
                Component(
                    name=part.part.name,
                    weight=0.0 if part.hard else part.weight,
                    hard=part.hard,
                    values=_placed([each.value for each in column], answered),
                    silent=tuple(
                        each is True for each in _placed([_is_silent(each) for each in column], answered)
                    ),
                )
                for part, column in zip(self.whole.parts, columns, strict=True)
            ),
        )


def _told(reading: CallReading) -> str:
    return f"{reading.state}: {reading.detail}" if reading.detail else str(reading.state)


def is_answer(completion: Completion) -> bool:
    """Whether a completion came to its end, so that a reward is asked about it."""
    return completion.finish != "length" and not completion.open_thought


def _is_silent(reading: CallReading) -> bool:
    return reading.value is None and reading.state is State.ABSTAIN


def _placed(numbers: Sequence[T | None], answered: Sequence[bool]) -> tuple[T | None, ...]:
    """What is said of those that answered in their places, None in the others'."""
    rest = iter(numbers)
    return tuple(next(rest) if each else None for each in answered)
