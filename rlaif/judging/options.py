"""What a model is told in its role of a judge, by whatever protocol it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from rlaif.field_docs import documented
from rlaif.judging.lengths import LENGTHS, THOUGHT, Lengths
from rlaif.judging.shown import Sees
from rlaif.records import Sampling


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeOptions:
    """How a model judges: what it sees, whether it thinks first, how long it may write."""

    judge_sees: Sees = "answer"
    """`all`: the thoughts of the assistant too, fenced and named."""
    think: bool = False
    """Whether it writes a thought before each label: the label's probabilities are read behind it."""
    temperature: float = 0.0
    """Of the thought before a label; 0: the likeliest."""
    lengths: Lengths = LENGTHS
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of its chat template, before those of the engine."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of its requests to a server."""
    marks_thoughts: bool | None = None
    """Whether it marks a thought before its answer, where that follows from what it is told; None: as its engine says.
    """
    seed: int = 0
    """Of its thoughts; the run's."""

    @property
    def set_ones(self) -> dict[str, Any]:
        """What is told otherwise than by default, for identities: what was judged before such options stays the same.

        The seed is no part of it: it is the run's.
        """
        usual = {**_values(USUAL, OWN), **_values(LENGTHS, LONG)}
        said = {**_values(self, OWN), **_values(self.lengths, LONG)}
        return {name: value for name, value in said.items() if value != usual[name]}

    def writing(self, max_tokens: int, temperature: float = 0.0) -> Sampling:
        """How a text of so many tokens is drawn, the thought before it in a room of its own where one is said."""
        return Sampling(
            temperature=temperature, max_tokens=max_tokens, max_thought_tokens=self.lengths.thought
        )

    def thinking(self, stop: tuple[str, ...] = ()) -> Sampling:
        """How the thought before a label is drawn, which ends at one of `stop` at the latest."""
        room = THOUGHT if self.lengths.thought is None else self.lengths.thought
        return Sampling(temperature=self.temperature, max_tokens=room, stop=stop)


def _values(thing: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in names}


USUAL = JudgeOptions()
OWN = ("judge_sees", "think", "temperature", "chat_template_kwargs", "body")
LONG = tuple(each.name for each in fields(Lengths))
