"""What a judge is to everybody above: something that judges completions one by one, and in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rlaif.records import Completion, Judgment, Principle, Prompt

One = tuple[Prompt, Completion]
Two = tuple[Prompt, Completion, Completion]


class Judge(Protocol):
    """Applies principles to completions. Asks only those that apply to the prompt; answers in the given order."""

    @property
    def name(self) -> str:
        """Name of the judge, as the user wrote it (`hf:models/judge`)."""

    @property
    def fingerprint(self) -> str:
        """Equal means interchangeable."""

    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """Pointwise: for each completion P(it follows the principle), or the reward of a judge that has its own."""

    def compare(self, items: Sequence[Two], principles: Sequence[Principle]) -> list[Judgment]:
        """Pairwise: P(the first listed follows it better), in both orders: two judgments an item and principle."""


def reads_principles(judge: Judge) -> bool:
    """Return whether a judge reads principles; one that does not (a reward model) judges a completion as a whole."""
    return bool(getattr(judge, "reads_principles", True))
