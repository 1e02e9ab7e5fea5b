"""Answers that end as many others do: a closing sentence that says nothing of its prompt."""

from __future__ import annotations

from collections import Counter

from rlaif.auditing.sameness import closer
from rlaif.settings import setting
from rlaif.workflows.recipe.filters.rule import TEXTS, FilterRule, Given, Reasons

LEAST = 3
"""Answers to different prompts with one closing sentence, before it counts as boilerplate."""


def drops(given: Given, share: float) -> Reasons:
    """Leave out answers (of a pair: the chosen one) whose last sentence ends `share` of all of them or more.

    A prompt counts once: several answers that end alike to one prompt are no habit.
    """
    ends = [closer(each.answers[0]) for each in given.items]
    prompts = len({each.prompt for each in given.items})
    asked = {(end, each.prompt) for end, each in zip(ends, given.items, strict=True) if end}
    common = Counter(end for end, _ in asked)
    return {
        place: f"ends with {end!r}, as answers to {common[end]} of {prompts} prompts"
        for place, end in enumerate(ends)
        if end and common[end] >= max(LEAST, share * prompts)
    }


RULE = FilterRule(
    name="boilerplate",
    says="answers that end with a sentence that ends many",
    type=float | None,
    setting=setting(
        None,
        help="Leave out answers whose last sentence ends those of this share of the prompts or more.",
        above=0,
        most=1,
    ),
    drops=drops,
    turn=1,
    of=TEXTS,
)
