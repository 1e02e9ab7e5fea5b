"""Pairs about which two judges do not agree."""

from __future__ import annotations

from typing import Literal

from rlaif.settings import setting
from rlaif.workflows.recipe.filters.rule import PAIRS, FilterRule, Given, Reasons


def drops(given: Given, _: str) -> Reasons:
    """Leave out pairs whose chosen side other judgments do not score above the rejected one.

    A side that the other judge could not be read on has no score there: the pair is left out for that, not as a
    disagreement.
    """
    found = {}
    for place, each in enumerate(given.items):
        chosen, rejected = (given.second.get(side) for side in each.ids)
        if chosen is None or rejected is None or chosen.score is None or rejected.score is None:
            found[place] = "the second judge has no score of both sides"
        elif chosen.rank_key <= rejected.rank_key:
            found[place] = (
                f"the second judge scores the chosen side {chosen.score:.3g}, the other {rejected.score:.3g}"
            )
    return found


RULE = FilterRule(
    name="agreement",
    says="pairs that a second judge does not confirm",
    type=Literal["drop"] | None,
    setting=setting(
        None,
        help="Leave out pairs that a second set of judgments, named by `of`, does not decide alike.",
        wanted="drop",
    ),
    drops=drops,
    of=(PAIRS,),
    second=True,
)
