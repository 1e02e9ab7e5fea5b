"""What a judge said of two answers, for the page of a sample: a row for each principle, both orders in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rlaif.records import Completion, Judgment

_EVEN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownJudgment:
    """One comparison, as a cell."""

    p: float | None
    """P(the side that comes first in the alphabet is better), whichever was shown first; None: it was not read."""
    state: str
    calls: Sequence[str]
    detail: str


@dataclass(slots=True, kw_only=True)
class ComparedRow:
    """What was said of two answers under one principle."""

    principle: str
    first: list[ShownJudgment] = field(default_factory=list)
    """Where the side that comes first in the alphabet was shown first."""
    second: list[ShownJudgment] = field(default_factory=list)

    def prefers(self, one: str, other: str) -> str:
        """The side that is preferred, in words."""
        known = [each.p for each in (*self.first, *self.second) if each.p is not None]
        sides = {each > _EVEN for each in known if each != _EVEN}
        if not known:
            return ""
        if len(sides) == 2:
            return "orders disagree"
        return (one if sides == {True} else other) if sides else "even"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedSides:
    """All that was said of two answers."""

    one: str
    other: str
    rows: Sequence[ComparedRow]


def letter(number: int) -> str:
    """The letter of an answer on a page, by its place."""
    return chr(65 + number) if number < 26 else str(number + 1)


def comparisons(completions: Sequence[Completion], said: Sequence[Judgment]) -> list[ComparedSides]:
    """The comparisons of a prompt, by their two sides and then by principle.

    Args:
        completions: Its answers, in the order of their letters.
        said: All judgments of the prompt.
    """
    places: dict[str, int] = {}
    for number, each in enumerate(completions):
        places.setdefault(each.id, number)
    found: dict[tuple[int, int], dict[str, ComparedRow]] = {}
    for judgment in said:
        if len(judgment.completion_ids) != 2 or not places.keys() >= set(judgment.completion_ids):
            continue
        shown, other = (places[each] for each in judgment.completion_ids)
        in_order = shown <= other
        name = judgment.principle_id or "all together"
        rows = found.setdefault((min(shown, other), max(shown, other)), {})
        row = rows.setdefault(name, ComparedRow(principle=name))
        (row.first if in_order else row.second).append(_cell(judgment, in_order))
    return [
        ComparedSides(one=letter(one), other=letter(other), rows=list(rows.values()))
        for (one, other), rows in sorted(found.items(), key=lambda each: each[0])
    ]


def _cell(judgment: Judgment, in_order: bool) -> ShownJudgment:
    value = judgment.value
    p = value if value is None or in_order else 1 - value
    return ShownJudgment(p=p, state=judgment.state.value, calls=judgment.calls, detail=judgment.detail)
