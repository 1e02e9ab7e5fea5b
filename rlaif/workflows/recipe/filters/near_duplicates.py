"""Rows that say nearly the same as one before them."""

from __future__ import annotations

from typing import Literal

from rlaif.auditing.sameness import NEAR, jaccard, near_duplicates, shingles
from rlaif.settings import setting
from rlaif.workflows.recipe.filters.rule import COMPLETIONS, PAIRS, FilterRule, Given, Reasons, by_prompt


def drops(given: Given, _: str) -> Reasons:
    """Leave out what is nearly a row before it: completions of one prompt, pairs with two alike sides, other rows.

    Nearly: at least `sameness.NEAR` of the runs of three words in common. Of each group the first row stays.
    """
    if given.kind == PAIRS:
        return {
            place: "its two sides are nearly the same"
            for place, each in enumerate(given.items)
            if jaccard(*map(shingles, each.answers)) >= NEAR
        }
    if given.kind == COMPLETIONS:
        groups = list(by_prompt(given.items).values())
        texts = [each.answers[0] for each in given.items]
    else:
        groups = [list(range(len(given.items)))]
        texts = ["\n".join((each.question, *each.answers)) for each in given.items]
    found: dict[int, str] = {}
    for group in groups:
        for one, other in sorted(near_duplicates([texts[place] for place in group])):
            if group[one] not in found:
                found.setdefault(group[other], f"nearly the same as row {group[one] + 1}")
    return found


RULE = FilterRule(
    name="near_duplicates",
    says="rows that are nearly one before them",
    type=Literal["drop"] | None,
    setting=setting(
        None,
        help="Leave out completions that are nearly another one of their prompt, pairs of two such sides, prompts "
        "and examples that are nearly one before them.",
        wanted="drop",
    ),
    drops=drops,
    turn=1,
)
