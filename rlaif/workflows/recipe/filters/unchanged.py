"""Revisions that are what was to be revised."""

from __future__ import annotations

from typing import Literal

from rlaif.settings import setting
from rlaif.workflows.recipe.filters.rule import COMPLETIONS, PAIRS, FilterRule, Given, Reasons


def _plain(text: str) -> str:
    return " ".join(text.split())


def drops(given: Given, _: str) -> Reasons:
    """Leave out completions whose text is their parent's but for blanks, and pairs whose two sides are one text."""
    if given.kind == PAIRS:
        return {
            place: "its two sides are one text"
            for place, each in enumerate(given.items)
            if _plain(each.answers[0]) == _plain(each.answers[1])
        }
    texts = {each.ids[0]: _plain(each.answers[0]) for each in given.items}
    found = {}
    for place, each in enumerate(given.items):
        origin = each.record[1].origin
        if origin is None or not origin.parent:
            continue
        # an id is a digest of prompt and text, so that an equal text has its parent's id
        if origin.parent == each.ids[0] or texts.get(origin.parent) == _plain(each.answers[0]):
            found[place] = f"what it was made of ({origin.kind}) is the same text"
    return found


RULE = FilterRule(
    name="unchanged",
    says="revisions that changed nothing",
    type=Literal["drop"] | None,
    setting=setting(
        None, help="Leave out revisions that are equal to what they revise, and such pairs.", wanted="drop"
    ),
    drops=drops,
    of=(COMPLETIONS, PAIRS),
)
