"""The source `revisions`: revised over original, and three pairs with shared weight over a pair of the judge."""

from __future__ import annotations

import pytest

from rlaif.records import Message, Pair
from rlaif.workflows.recipe.pair_sources.revisions import chains, three
from tests.workflows.recipe.playing import prompt, said

HOW = prompt()
FIRST = said(HOW, "first")
ONCE = said(HOW, "once", kind="revision", parent=FIRST.id, stage=1)
TWICE = said(HOW, "twice", kind="revision", parent=ONCE.id, stage=2)


def test_the_last_revision_stands_over_the_first_draw_or_each_over_what_it_was_made_of() -> None:
    drawn = [(HOW, each) for each in (TWICE, FIRST, ONCE)]
    assert [(each.better.text, each.worse.text) for each in chains(drawn, [], "first")[0]] == [
        ("twice", "first")
    ]
    found = chains(drawn, [], "before")[0]
    assert {(each.better.text, each.worse.text) for each in found} == {("once", "first"), ("twice", "once")}
    assert all(each.revised == each.worse.id for each in found)


def test_an_original_that_was_not_kept_is_looked_for_in_what_was_revised() -> None:
    other = prompt("Why?")
    drawn = [(HOW, ONCE), (other, said(other, "plain"))]
    assert chains(drawn, [], "first") == ([], {"original missing": 1, "not revised": 1})
    assert chains(drawn, [(HOW, FIRST)], "first")[0][0].worse.text == "first"


def judged(chosen: str, rejected: str, weight: float = 0.5) -> Pair:
    def turn(text: str) -> tuple[Message, ...]:
        return (Message(role="assistant", content=text),)

    return Pair(
        prompt=HOW.messages,
        chosen=turn(chosen),
        rejected=turn(rejected),
        label_prob=0.8,
        weight=weight,
        provenance={"policy": ["p", "q"]},
    )


def test_three_pairs_share_the_weight_of_the_judges_pair() -> None:
    edits, _ = chains([(HOW, FIRST), (HOW, TWICE), (HOW, ONCE)], [], "first")
    above, weights = three(edits, [judged("first", "worse")], {"edited-rejected": 2.0})
    assert [(each.better.text, each.worse.text) for each in above] == [("twice", "first"), ("twice", "worse")]
    # of a weight of a half, shared 1 : 1 : 2
    assert list(weights.values()) == [0.125, 0.25, 0.125]
    assert above[1].worse.policy == "q"


def test_a_judges_pair_whose_chosen_side_was_not_revised_keeps_its_weight() -> None:
    above, weights = three([], [judged("other", "worse")], {})
    assert above == []
    assert list(weights.values()) == [pytest.approx(0.5)]
