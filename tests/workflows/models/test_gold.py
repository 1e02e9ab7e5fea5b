"""Figures over completions that gold graded."""

from __future__ import annotations

from rlaif.workflows.models.gold import gold_by_principle, gold_mean, share_met


def test_what_gold_cannot_grade_has_no_mean() -> None:
    assert gold_mean([{"a": None}, {}]) is None


def test_each_prompt_weighs_the_same_however_many_principles_apply() -> None:
    graded = [{"a": True, "b": None}, {"a": False, "b": False}]
    assert gold_mean(graded) == 0.5
    assert gold_by_principle(graded) == {"a": 0.5, "b": 0.0}


def test_what_cannot_be_graded_counts_neither_way() -> None:
    assert share_met({"a": None, "b": True}) == 1.0
