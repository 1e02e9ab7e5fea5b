"""No more than so many rows about nearly the same question."""

from __future__ import annotations

from rlaif.auditing.sameness import near_duplicates
from rlaif.hashing import derived_seed
from rlaif.settings import setting
from rlaif.workflows.recipe.filters.rule import FilterRule, Given, Reasons


def drops(given: Given, most: int) -> Reasons:
    """Keep `most` rows of each cluster of questions, drawn by the seed.

    Two questions are of one cluster where they are near-duplicates, or both of a third one's.
    """
    questions = list(dict.fromkeys(each.question for each in given.items))
    cluster = clusters(questions)
    members: dict[int, list[int]] = {}
    for place, each in enumerate(given.items):
        members.setdefault(cluster[each.question], []).append(place)
    found: dict[int, str] = {}
    for places in members.values():
        order = sorted(places, key=lambda place: _draw(given, place))
        found |= {place: f"{len(places)} rows ask nearly the same" for place in order[most:]}
    return found


def clusters(questions: list[str]) -> dict[str, int]:
    """The number of each question's cluster: the place of its first member."""
    parent = list(range(len(questions)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for one, other in near_duplicates(questions):
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return {text: root(place) for place, text in enumerate(questions)}


def _draw(given: Given, place: int) -> tuple[int, int]:
    each = given.items[place]
    return derived_seed(given.seed, "filter", each.question, list(each.answers)), place


RULE = FilterRule(
    name="per_cluster",
    says="rows of questions that many ask",
    type=int | None,
    setting=setting(
        None, help="Keep so many rows of questions that are nearly the same, drawn by the seed.", least=1
    ),
    drops=drops,
    turn=2,
)
