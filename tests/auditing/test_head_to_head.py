"""Wins, draws and win rates by annotator and models: a draw is a half, a failure is in no rate."""

from __future__ import annotations

import pytest

from rlaif.auditing.head_to_head import head_to_head
from rlaif.exchange.gold import Annotation


def said(
    prompt: str,
    second_better: float | None,
    annotator: str = "judge",
    models: tuple[str, str] = ("base", "new"),
) -> Annotation:
    return Annotation(
        annotator=annotator,
        models=models,
        prompt_id=prompt,
        texts=("four", "longer"),
        second_better=second_better,
    )


def test_a_draw_counts_half_and_a_failure_nothing() -> None:
    [found] = head_to_head([said("a", 1.0), said("b", 0.5), said("c", 0.2), said("d", None)])
    assert (found.wins, found.draws, found.losses, found.failed) == (1, 1, 1, 1)
    assert found.win_rate is not None
    assert found.win_rate.value == pytest.approx(1.7 / 3)
    assert found.discrete_win_rate == 0.5
    assert (found.length, found.baseline_length) == (6, 4)


def test_each_annotator_and_each_model_has_its_own_row() -> None:
    rows = [said("a", 1.0), said("a", 0.0, "person"), said("a", 1.0, models=("base", "third"))]
    found = head_to_head(rows)
    assert [(each.annotator, each.model, each.baseline) for each in found] == [
        ("judge", "new", "base"),
        ("person", "new", "base"),
        ("judge", "third", "base"),
    ]


def test_the_same_two_the_other_way_round_are_turned() -> None:
    [found] = head_to_head([said("a", 1.0), said("b", 0.0, models=("new", "base")), said("c", None)])
    assert (found.model, found.wins, found.losses, found.failed) == ("new", 2, 0, 1)
    assert found.length == pytest.approx((6 + 4 + 6) / 3)


def test_a_model_that_only_failed_has_no_rate() -> None:
    [found] = head_to_head([said("a", None)])
    assert (found.win_rate, found.length_controlled, found.discrete_win_rate, found.failed) == (
        None,
        None,
        None,
        1,
    )
    assert found.as_dict()["win_rate"] is None
