"""Calls come from the store as they were made; answers of two policies are joined by what was asked."""

from __future__ import annotations

from pathlib import Path

from rlaif.review.view.calls import before_and_after, call_shown
from tests.review.view.projects import FIRST, LAST, answered, prompt


def test_a_call_has_what_was_sent_what_came_back_and_its_tokens(tmp_path: Path) -> None:
    keys = answered(tmp_path / "store.sqlite", {FIRST: "before"}, 1)
    found = call_shown(tmp_path / "store.sqlite", keys[0])
    assert found is not None
    assert found.messages == prompt(0).messages
    assert (found.text, found.prompt_tokens, found.completion_tokens) == ("before 0", 11, 3)
    assert found.at is not None
    assert found.settings["temperature"] == 0.0


def test_a_call_that_is_not_there_and_a_store_that_is_not_there_are_none(tmp_path: Path) -> None:
    answered(tmp_path / "store.sqlite", {FIRST: "before"}, 1)
    assert call_shown(tmp_path / "store.sqlite", "b2:none") is None
    assert call_shown(tmp_path / "no-store.sqlite", "b2:none") is None
    assert not (tmp_path / "no-store.sqlite").exists()


def test_both_answers_are_to_the_same_question(tmp_path: Path) -> None:
    answered(tmp_path / "store.sqlite", {FIRST: "before"}, 6)
    answered(tmp_path / "store.sqlite", {LAST: "after"}, 4)
    found = before_and_after(tmp_path / "store.sqlite", FIRST, LAST, 10)
    assert len(found) == 4
    for each in found:
        number = each.prompt[0].content.split()[1]
        assert (each.before.text, each.after.text) == (f"before {number}", f"after {number}")
    assert before_and_after(tmp_path / "store.sqlite", FIRST, FIRST, 3) == []
    assert len(before_and_after(tmp_path / "store.sqlite", FIRST, LAST, 3)) == 3
