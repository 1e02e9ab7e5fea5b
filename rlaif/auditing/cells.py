"""Cells of principle x kind of prompt: how often answers follow a rule where one kind of thing is asked. Pure.

The kinds of a prompt are what its own data says: a column `kind`, else its tags, else its first two words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlaif.auditing.intervals import Interval, mean_interval
from rlaif.records import Prompt

KIND = "kind"
"""The column that names the kind of a prompt."""
OTHER = "other"
FEWEST = 2
"""Prompts that begin alike before their beginning is a kind."""
_WORD = re.compile(r"[^\W\d_]+", re.UNICODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One principle on one kind of prompt."""

    principle: str
    kind: str
    met: Interval
    """Mean over answers of what says that they follow the principle: gold, or a judge's P(yes)."""
    answers: int

    @property
    def name(self) -> str:
        """As tables have it."""
        return f"{self.principle} x {self.kind}"


def kinds_of(prompts: Sequence[Prompt]) -> dict[str, tuple[str, ...]]:
    """By prompt id its kinds: of the column `kind` where every prompt has one, else tags where any has, else by words.

    A prompt has every one of its tags as a kind, so that cells may share prompts. By words: the first two, where at
    least two prompts begin so; those that begin like no other are of the kind `other`.
    """
    named = {each.id: each.meta.get(KIND) for each in prompts}
    if prompts and all(isinstance(each, str) and each for each in named.values()):
        return {name: (str(kind),) for name, kind in named.items()}
    if any(each.tags for each in prompts):
        return {each.id: tuple(dict.fromkeys(each.tags)) or (OTHER,) for each in prompts}
    begun = {each.id: " ".join(_WORD.findall(each.text.casefold())[:2]) for each in prompts}
    counts = Counter(begun.values())
    return {name: (begin if begin and counts[begin] >= FEWEST else OTHER,) for name, begin in begun.items()}


def cells_of(
    values: Sequence[tuple[str, str, float]],
    kinds: Mapping[str, Sequence[str]],
    *,
    resamples: int = 500,
    seed: int = 0,
) -> list[Cell]:
    """The cells of (prompt id, principle id, how far its answer follows it), in order of first appearance.

    Intervals are over prompts: answers to one prompt are not independent.
    """
    held: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for prompt, principle, value in values:
        for kind in kinds.get(prompt, ()):
            held.setdefault((principle, kind), []).append((prompt, value))
    found = []
    for (principle, kind), own in held.items():
        met = mean_interval(own, resamples=resamples, seed=seed)
        assert met is not None, "a cell has answers"
        found.append(Cell(principle=principle, kind=kind, met=met, answers=len(own)))
    return found


def worst_of(cells: Sequence[Cell], least: int) -> Cell | None:
    """The cell whose upper limit is lowest, among those of at least so many answers; None where there is none.

    By the upper limit, so that a handful of unlucky answers is not the worst of all. Of equal ones that with the lower
    mean, then by name.
    """
    known = [each for each in cells if each.answers >= least]
    return min(known, key=lambda each: (each.met.high, each.met.value, each.name), default=None)
