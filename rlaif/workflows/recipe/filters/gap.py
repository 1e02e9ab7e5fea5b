"""Pairs whose sides are scored nearly alike."""

from __future__ import annotations

from rlaif.settings import setting
from rlaif.workflows.recipe.filters.rule import PAIRS, FilterRule, Given, Reasons


def drops(given: Given, least: float) -> Reasons:
    """Leave out pairs whose score_gap (chosen less rejected) is below `least`, or is not known."""
    found = {}
    for place, each in enumerate(given.items):
        gap = each.record.score_gap
        if gap is None:
            found[place] = "its score_gap is not known"
        elif gap < least:
            found[place] = f"score_gap {gap:.3g}"
    return found


RULE = FilterRule(
    name="gap",
    says="pairs with a small gap of scores",
    type=float | None,
    setting=setting(
        None, help="Leave out pairs with a smaller score_gap, in the judge's units, or without one.", above=0
    ),
    drops=drops,
    of=(PAIRS,),
)
