"""What a set by name is: its prompts, how a model is asked, and what each answer is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rlaif.records import Engine, Judgment, Principle, Prompt, Sampling

Readings = Mapping[str, Mapping[str, float]]
"""By figure, and by prompt id a number from 0 to 1; what could not be read is not there."""
Ask = Callable[[Sequence[Prompt], Sampling], Mapping[str, str]]
"""Answers by prompt id; one that could not be drawn, or whose thought never ended, is not there."""
AskJudge = Callable[[Sequence[tuple[Prompt, str]], Sequence[Principle]], Sequence[Judgment]]
"""Checklist judgments of answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOfSet:
    """The model that a set measures, and who may judge its answers."""

    engine: Engine
    ask: Ask
    judge: AskJudge | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSet:
    """One set, read."""

    name: str
    content: str
    """Digest of its rows."""
    measure: Callable[[ModelOfSet], Readings]
    says: Mapping[str, str] = field(default_factory=dict)
    """Of each figure, what share it is."""
