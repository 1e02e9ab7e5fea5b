"""Before and after on the same prompts."""

from __future__ import annotations

import pytest

from rlaif.auditing.paired import by_principle, paired, shares


def test_only_prompts_that_have_both_count() -> None:
    found = paired({"a": 0.0, "b": 0.5, "only before": 1.0}, {"a": 1.0, "b": 0.5, "only after": 0.0})
    assert found is not None
    assert (found.before, found.after, found.change, found.prompts) == (0.25, 0.75, 0.5, 2)
    assert paired({"a": 1.0}, {"b": 1.0}) is None


def test_pairing_by_prompt_narrows_the_interval_where_prompts_differ_more_than_the_change() -> None:
    before = {str(each): (each % 10) / 10 for each in range(100)}
    after = {prompt: min(1.0, value + 0.05) for prompt, value in before.items()}
    found = paired(before, after)
    assert found is not None
    assert 0 < found.low < found.change < found.high < 0.1


def test_a_length_has_no_limits() -> None:
    found = paired({"a": 10.0, "b": 30.0}, {"a": 40.0, "b": 50.0}, limits=None)
    assert found is not None
    assert found.change == pytest.approx(25)
    assert found.high > 25


def test_a_principle_that_was_read_once_is_in_neither_share() -> None:
    before = {"a": {"brief": 1.0, "greet": 0.0}, "b": {"brief": 1.0}}
    after = {"a": {"brief": 0.0, "kind": 1.0}, "b": {"kind": 1.0}}
    assert shares(before, after) == ({"a": 1.0}, {"a": 0.0})


def test_readings_turn_round_to_principles() -> None:
    assert by_principle({"a": {"brief": 1.0}, "b": {"brief": 0.0, "kind": 0.5}}) == {
        "brief": {"a": 1.0, "b": 0.0},
        "kind": {"b": 0.5},
    }
