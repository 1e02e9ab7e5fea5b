"""What a judge is to everybody above."""

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
        """What the user called it."""

    @property
    def fingerprint(self) -> str:
        """Equal means interchangeable."""

    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """P(yes, it follows the principle), for each completion alone."""

    def compare(self, items: Sequence[Two], principles: Sequence[Principle]) -> list[Judgment]:
        """P(the first listed follows it better), in both orders: two judgments an item and principle."""
