"""Rubrics lose what tells nothing apart, or a random part; each change is another version that knows its parent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rlaif.judging.rubric_versions import pruned, spreads, with_dropout
from rlaif.records import Judgment, Rubric, RubricCriterion, State
from tests.judging.builders import prompt

RUBRIC = Rubric(
    prompt=prompt().messages,
    criteria=(
        RubricCriterion(id="must", text="a", hard=True),
        *(RubricCriterion(id=f"c{place}", text=f"t{place}") for place in range(1, 9)),
    ),
)


def said(completion: str, **read: float) -> Judgment:
    rows = tuple({"id": name, "weight": 1.0, "state": "score", "p": p} for name, p in read.items())
    return Judgment(
        protocol="rubric",
        judge="b2:judge",
        prompt_id=prompt().id,
        completion_ids=(completion,),
        principle_id=None,
        state=State.SCORE,
        value=0.0,
        criteria=(*rows, {"id": "c8", "weight": 1.0, "state": "unreadable"}),
    )


def test_the_spread_is_the_standard_deviation_over_the_group() -> None:
    found = spreads([said("a", c1=0.0, c2=0.5), said("b", c1=1.0, c2=0.5), said("c", c3=0.5)])
    assert found == {prompt().id: {"c1": pytest.approx(0.5), "c2": 0.0}}


def test_criteria_without_spread_go_and_hard_and_unknown_ones_stay() -> None:
    found = pruned(RUBRIC, {"must": 0.0, "c1": 0.0, "c2": 0.3}, 0.05)
    assert found is not None
    assert [each.id for each in found.criteria] == ["must", *(f"c{place}" for place in range(2, 9))]
    assert found.parent == RUBRIC.digest != found.digest


def test_a_rubric_that_tells_nothing_apart_is_none() -> None:
    bare = replace(RUBRIC, criteria=RUBRIC.criteria[1:3])
    assert pruned(bare, {"c1": 0.0, "c2": 0.0}, 0.05) is None
    assert pruned(bare, {}, 0.05) is bare


def test_dropout_is_of_the_seed_and_the_round_and_leaves_hard_criteria() -> None:
    drawn = [with_dropout(RUBRIC, 0.5, seed=1, round=number) for number in range(1, 30)]
    assert drawn == [with_dropout(RUBRIC, 0.5, seed=1, round=number) for number in range(1, 30)]
    kept = [[each.id for each in found.criteria] for found in drawn if found is not None]
    assert len(kept) == 29
    assert all(len(each) == 5 and each[0] == "must" for each in kept)
    shares = [sum(f"c{place}" in each for each in kept) / 29 for place in range(1, 9)]
    assert len({tuple(each) for each in kept}) > 10
    assert all(0.2 < share < 0.8 for share in shares)


def test_dropout_leaves_at_least_one_criterion() -> None:
    found = with_dropout(replace(RUBRIC, criteria=RUBRIC.criteria[1:3]), 0.99, seed=0, round=1)
    assert found is not None
    assert len(found.criteria) == 1
