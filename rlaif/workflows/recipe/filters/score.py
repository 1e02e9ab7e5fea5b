"""Completions that their judge thinks little of: ReST's threshold (2308.08998)."""

from __future__ import annotations

from rlaif.settings import setting
from rlaif.workflows.recipe.filters.rule import COMPLETIONS, FilterRule, Given, Reasons


def drops(given: Given, least: float) -> Reasons:
    """Leave out completions whose score is below `least`, and those that have none."""
    found = {}
    for place, each in enumerate(given.items):
        scored = given.scored.get(each.ids[0])
        if scored is None or scored.score is None:
            found[place] = "has no score"
        elif scored.score < least:
            found[place] = f"scored {scored.score:.3g}"
    return found


RULE = FilterRule(
    name="score",
    says="completions with a low score or none",
    type=float | None,
    setting=setting(
        None, help="Leave out completions with a lower score, in the judge's units, and those without one."
    ),
    drops=drops,
    of=(COMPLETIONS,),
    judgments=True,
)
