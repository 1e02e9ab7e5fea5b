"""Groups of a panel's judges: each as if it were alone, and how often two part."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.auditing.intervals import Resampling
from rlaif.records import Judgment, State
from rlaif.workflows.evaluation.panel_groups import group_judgments, group_rates, group_scores
from tests.judging.builders import constitution, principle, prompt

HOUSE = constitution(principle("warm"))


def comparison(first: str, second: str, votes: list[tuple[str, float | None]], **more: Any) -> Judgment:
    return Judgment(
        protocol="panel",
        judge="panel",
        prompt_id=prompt().id,
        completion_ids=(first, second),
        principle_id="warm",
        votes=tuple(
            {"judge": "j", "group": group, "weight": 1.0, "state": "preference", "p": p} for group, p in votes
        ),
        **{"state": State.PREFERENCE, "value": 0.5, **more},
    )


def both_orders(old: float, young: float) -> list[Judgment]:
    """Ours is preferred with these probabilities by two groups, in either order."""
    return [
        comparison("ours", "theirs", [("old", old), ("young", young)]),
        comparison("theirs", "ours", [("old", 1 - old), ("young", 1 - young)]),
    ]


def test_a_group_decides_as_if_it_were_alone() -> None:
    assert group_scores(HOUSE, prompt(), both_orders(0.9, 0.2), "ours", []) == {"old": 1.0, "young": 0.0}


def test_votes_of_one_group_are_one_voice_and_those_that_failed_none() -> None:
    said = comparison(
        "a", "b", [("old", 0.9), ("old", 0.5), ("young", None)], state=State.UNREADABLE, value=None
    )
    found = group_judgments([said])
    assert list(found) == ["old"]
    assert found["old"][0].value == pytest.approx(0.7)


def test_rates_are_by_group_and_groups_part_where_they_prefer_different_sides() -> None:
    by_prompt = {
        "a": {"old": 1.0, "young": 0.0},
        "b": {"old": 1.0, "young": 1.0},
        "c": {"old": 1.0, "young": 0.5},  # who sees no difference contradicts nobody
        "d": {"old": 0.0},
    }
    found = group_rates(by_prompt, Resampling(resamples=100))
    assert found["groups"]["old"]["value"] == pytest.approx(3 / 4)
    assert found["groups"]["young"]["value"] == pytest.approx(0.5)
    assert found["apart"]["old / young"]["value"] == pytest.approx(1 / 3)
    assert found["apart"]["old / young"]["prompts"] == 3


def test_one_group_alone_has_nobody_to_differ_from() -> None:
    assert group_rates({"a": {"old": 1.0}}, Resampling(resamples=100)) == {}
    assert group_rates({}, Resampling(resamples=100)) == {}
