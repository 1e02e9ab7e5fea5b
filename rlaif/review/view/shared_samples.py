"""The answers of two runs to the same prompts, side by side: of samplings, evaluations and rounds, from their files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rlaif.errors import RlaifError
from rlaif.exchange.measured import MeasuredAnswer
from rlaif.hashing import derived_seed
from rlaif.records import Completion, Prompt
from rlaif.review.named import said
from rlaif.review.numbers import figure
from rlaif.review.sample import BeforeAfter
from rlaif.review.view.catalogue import RunCard
from rlaif.review.view.compared import newest_policy
from rlaif.review.view.samples import SampleIndex

MOST_PROMPTS = 2000
"""Prompts of each run that are looked through for shared ones."""


class Answered(NamedTuple):
    """A prompt of a run with one answer to it, and what was read of that."""

    prompt: Prompt
    answer: Completion
    read: MeasuredAnswer | None

    @property
    def told(self) -> str:
        """What was said of the answer, in words."""
        if self.read is None:
            return ""
        values = self.read.judge or self.read.gold
        parts = [f"meets {figure(sum(values.values()) / len(values))}"] if values else []
        words = {1.0: "better than", 0.0: "worse than", 0.5: "even with"}
        parts += [
            f"judged {words.get(value, 'beside')} {said(name)}" for name, value in self.read.beats.items()
        ]
        return ", ".join(parts)


def shared_samples(
    one: RunCard, other: RunCard, indexes: tuple[SampleIndex, SampleIndex], most: int
) -> list[BeforeAfter]:
    """Prompts that both answered, with an answer of each; those of which texts or judgments differ come first.

    Args:
        one: The one run.
        other: The other.
        indexes: Their samples.
        most: How many are wanted; which they are depends on the prompts alone.
    """
    first, second = (_answered(card, index) for card, index in zip((one, other), indexes, strict=True))
    both = [(first[name], second[name]) for name in first.keys() & second.keys()]

    def rank(each: tuple[Answered, Answered]) -> tuple[bool, bool, int]:
        left, right = each
        same_text = left.answer.turns == right.answer.turns
        return same_text, left.told == right.told, derived_seed("shown sample", left.prompt.id)

    return [
        BeforeAfter(
            title=_title(one, other, left, right),
            prompt=left.prompt.messages,
            before=left.answer,
            after=right.answer,
        )
        for left, right in sorted(both, key=rank)[:most]
    ]


def _title(one: RunCard, other: RunCard, left: Answered, right: Answered) -> str:
    told = [f"{card.name}: {each.told}" for card, each in ((one, left), (other, right)) if each.told]
    if left.answer.turns == right.answer.turns:
        told.insert(0, "the same answer")
    return "; ".join(told)


def _answered(card: RunCard, index: SampleIndex) -> dict[str, Answered]:
    """By prompt the newest answer of a run to it: of its own policy, where several answered."""
    found: dict[str, Answered] = {}
    entries, policy = index.listed(None), newest_policy(card)
    for place in list(range(len(entries)))[-MOST_PROMPTS:]:
        try:
            prompt, completions = index.sample(place)
            readings = index.readings(place)
        except RlaifError:
            continue
        found[prompt.id] = _own(prompt, completions, readings, policy)
    return found


def _own(
    prompt: Prompt, completions: Sequence[Completion], readings: Sequence[MeasuredAnswer | None], policy: str
) -> Answered:
    both = list(zip(completions, readings, strict=True))
    answer, read = next((each for each in both if each[0].policy == policy), both[0])
    return Answered(prompt, answer, read)
