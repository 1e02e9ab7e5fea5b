"""Gold: the truth that prompt rows name, from the entry-point group `rlaif.gold`. No judge sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from rlaif.auditing.intervals import mean
from rlaif.constitution import applies
from rlaif.errors import InputError
from rlaif.records import Completion, Constitution, Gold, Principle, Prompt
from rlaif.registry import installed

GROUP = "rlaif.gold"
Grades = Mapping[str, bool | None]


@cache
def open_gold(name: str) -> Gold:
    """The installed truth of this name. Raises InputError where there is none, or its package is broken."""
    gold: Gold = installed(GROUP, name, "gold")()
    return gold


class RowGold:
    """Grades each prompt by the truth that its own row names; rows that name none are not graded."""

    def grade(self, prompt: Prompt, completion: str, principles: Sequence[Principle]) -> Grades:
        """None where the row names no gold, or where its gold cannot tell."""
        if prompt.gold is None:
            return dict.fromkeys((each.id for each in principles), None)
        return open_gold(prompt.gold).grade(prompt, completion, principles)


def grade(prompt: Prompt, completion: Completion, constitution: Constitution) -> Grades:
    """One grade for each principle that applies to the prompt."""
    principles = [each for each in constitution.principles if applies(each, prompt)]
    return RowGold().grade(prompt, completion.text, principles)


def ungraded(graded: Sequence[Grades]) -> list[str]:
    """A message for each principle of which gold graded no answer at all: no figure speaks of it."""
    asked = dict.fromkeys(principle for grades in graded for principle in grades)
    known = {principle for grades in graded for principle, met in grades.items() if met is not None}
    return [
        f"principle {each!r}: gold cannot read it, so that no gold figure counts it; "
        "write it in the words of that gold (`rlaif constitution show micro-default` has those of `micro`)"
        for each in asked
        if each not in known
    ]


def share_met(grades: Grades) -> float | None:
    """Share of the principles that could be graded which the completion follows."""
    return mean(float(met) for met in grades.values() if met is not None)


def gold_mean(graded: Sequence[Grades]) -> float | None:
    """Mean over completions of `share_met`: every prompt weighs the same, however many principles apply."""
    return mean(share for share in map(share_met, graded) if share is not None)


def gold_by_principle(graded: Sequence[Grades]) -> dict[str, float]:
    """Share of the completions that follow each principle, where it applies; in order of first appearance."""
    kept: dict[str, list[float]] = {}
    for grades in graded:
        for principle, met in grades.items():
            if met is not None:
                kept.setdefault(principle, []).append(float(met))
    return {principle: sum(values) / len(values) for principle, values in kept.items()}


def has_gold(prompts: Sequence[Prompt]) -> bool:
    """Whether any of the prompts names a truth."""
    return any(prompt.gold is not None for prompt in prompts)


def require_gold(prompts: Sequence[Prompt], why: str) -> None:
    """Raise InputError unless there is gold, and all of it installed: asked before anything is written."""
    named = {prompt.gold for prompt in prompts if prompt.gold is not None}
    if not named:
        raise InputError(
            f"{why} needs a truth, and no row names a gold (a row's `gold`: an entry point of {GROUP})"
        )
    for name in sorted(named):
        open_gold(name)
