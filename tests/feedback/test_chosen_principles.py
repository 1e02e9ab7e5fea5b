"""Which principles a step is made by: drawn evenly and anew, the worst first, or those that are named."""

from __future__ import annotations

from collections import Counter

import pytest

from rlaif.errors import InputError
from rlaif.feedback.chosen_principles import applying, drawn, refuse_choice, worst
from tests.judging.builders import constitution, principle, prompt

FOUR = [principle(name) for name in "abcd"]
HOUSE = constitution(*FOUR, principle("poems", applies_to=("poem",)))


def test_draws_are_even_repeatable_and_their_own_for_each_part() -> None:
    counts = Counter(drawn(FOUR, 0, "prompt", number, 1)[0].id for number in range(4000))
    assert all(abs(counts[name] - 1000) < 120 for name in "abcd")
    assert drawn(FOUR, 0, "p", 1) == drawn(FOUR, 0, "p", 1)
    assert len({drawn(FOUR, 0, "p", 0, stage) for stage in range(12)}) > 1


def test_several_are_different_ones_and_never_more_than_there_are() -> None:
    for number in range(50):
        assert len({each.id for each in drawn(FOUR, number, count=3)}) == 3
    assert drawn(FOUR, 0, count=16) == tuple(FOUR)


def test_the_worst_comes_first_then_the_next_then_the_first_again() -> None:
    shares = {"a": 0.9, "b": 0.1, "c": 0.4}
    assert [worst(FOUR, shares, stage)[0].id for stage in (1, 2, 3, 4)] == ["b", "c", "a", "b"]
    assert worst(FOUR, {}, 1) == ()


def test_only_what_applies_and_is_named_is_meant() -> None:
    assert [each.id for each in applying(HOUSE, prompt(tags=("sum",)))] == list("abcd")
    assert [each.id for each in applying(HOUSE, prompt(tags=("sum",)), ("b", "poems"))] == ["b"]


def test_an_unknown_id_is_refused_and_so_is_what_applies_to_nothing() -> None:
    with pytest.raises(InputError, match="house has no principle 'x'; it has: a, b, c, d, poems"):
        refuse_choice(HOUSE, ("a", "x"), [prompt()])
    with pytest.raises(InputError, match="none of poems applies to any of the 1 prompts"):
        refuse_choice(HOUSE, ("poems",), [prompt(tags=("sum",))])
    refuse_choice(HOUSE, ("poems",), [prompt(tags=("sum",)), prompt(tags=("poem",))])
