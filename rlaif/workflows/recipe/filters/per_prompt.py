"""No more than so many rows of a prompt."""

from __future__ import annotations

from rlaif.hashing import derived_seed
from rlaif.settings import setting
from rlaif.workflows.recipe.filters.rule import TEXTS, FilterRule, Given, Reasons, by_prompt


def drops(given: Given, most: int) -> Reasons:
    """Keep `most` rows of each prompt, drawn by the seed."""
    found: dict[int, str] = {}
    for places in by_prompt(given.items).values():
        order = sorted(places, key=lambda place: _draw(given, place))
        found |= {place: f"its prompt has {len(places)} rows" for place in order[most:]}
    return found


def _draw(given: Given, place: int) -> tuple[int, int]:
    each = given.items[place]
    return derived_seed(given.seed, "filter", each.prompt, list(each.answers)), place


RULE = FilterRule(
    name="per_prompt",
    says="rows of prompts that have many",
    type=int | None,
    setting=setting(None, help="Keep so many rows of a prompt, drawn by the seed.", least=1),
    drops=drops,
    turn=2,
    of=TEXTS,
)
