"""Pairs whose judge was hardly sure: Llama 3 trains on those that are significantly better alone (2407.21783)."""

from __future__ import annotations

from rlaif.settings import setting
from rlaif.workflows.recipe.filters.rule import PAIRS, FilterRule, Given, Reasons


def drops(given: Given, least: float) -> Reasons:
    """Leave out pairs whose label_prob is below `least`."""
    labels = [each.record.label_prob for each in given.items]
    return {place: f"label_prob {label:.3g}" for place, label in enumerate(labels) if label < least}


RULE = FilterRule(
    name="label",
    says="pairs with an unsure label",
    type=float | None,
    setting=setting(None, help="Leave out pairs with a lower label_prob.", above=0.5, most=1),
    drops=drops,
    of=(PAIRS,),
)
