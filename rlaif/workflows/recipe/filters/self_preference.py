"""Pairs that a judge prefers for no more than that the chosen side is likelier to it (2410.21819)."""

from __future__ import annotations

import math
from typing import Literal

from rlaif.settings import setting
from rlaif.workflows.recipe.filters.rule import PAIRS, FilterRule, Given, Item, Reasons

CLIP = 1e-3
"""How near to certain a label counts: nothing is infinitely sure."""


def drops(given: Given, _: str) -> Reasons:
    """Leave out pairs whose label is explained by how likely the two sides are.

    With m the log-odds of a pair's label and d the difference of its sides' mean log-probabilities a word (chosen less
    rejected), b = sum(m d) / sum(d^2) is how much of m goes with d over all pairs: least squares through the origin, as
    exchanging the sides turns both signs. A judge that does not care for likelihood has a b of about 0. Where b is
    above 0, a pair is left out when m - b d is not above 0: the label would not have been this one without it. Pairs
    of which a side was not scored stay.
    """
    margins, distances = {}, {}
    for place, each in enumerate(given.items):
        sides = [_a_word(given, each, side) for side in (0, 1)]
        if sides[0] is None or sides[1] is None:
            continue
        label = min(max(each.record.label_prob, CLIP), 1 - CLIP)
        margins[place] = math.log(label / (1 - label))
        distances[place] = sides[0] - sides[1]
    squares = sum(each * each for each in distances.values())
    slope = sum(margins[place] * distances[place] for place in margins) / squares if squares else 0.0
    if slope <= 0:
        return {}
    return {
        place: f"its label ({margins[place]:.2g} in log-odds) goes with its likelihood ({slope * distances[place]:.2g})"
        for place in margins
        if distances[place] > 0 and margins[place] <= slope * distances[place]
    }


def _a_word(given: Given, item: Item, side: int) -> float | None:
    logprob = given.logprobs.get(item.ids[side])
    return None if logprob is None else logprob / max(1, len(item.answers[side].split()))


RULE = FilterRule(
    name="self_preference",
    says="pairs whose label goes with likelihood alone",
    type=Literal["drop"] | None,
    setting=setting(
        None,
        help="Leave out pairs whose label is explained by how likely the chosen side is to the judge.",
        wanted="drop",
    ),
    drops=drops,
    turn=1,
    of=(PAIRS,),
    logprobs=True,
)
