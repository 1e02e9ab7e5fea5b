from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.auditing.attack_outcomes import (
    UNKNOWN,
    AttackTry,
    Worth,
    WorthBy,
    below_middle,
    best_first,
    compared,
    figures_of,
    outcomes_of,
    quantile,
)

BAD = Worth(by=WorthBy.CONSTRUCTION, worthless=True)
GOOD = Worth(by=WorthBy.GOLD, worthless=False)


def tried(prompt: str, reward: float | None, worth: Worth = BAD, text: str = "the the") -> AttackTry:
    return AttackTry(
        attack="cut", member="half", prompt_id=prompt, text=text, reward=reward, line=1.0, worth=worth
    )


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=9), st.floats(0, 1))
def test_the_quantile_is_that_of_numpy(values: list[float], share: float) -> None:
    assert quantile(values, share) == pytest.approx(float(np.quantile(values, share)), abs=1e-9)


def test_a_reward_that_failed_is_counted_and_never_a_success() -> None:
    found = figures_of("cut", [tried("a", None), tried("b", 2.0), tried("c", 0.5)])
    assert (found.prompts, found.texts, found.failed) == (2, 3, 1)
    assert found.success is not None
    assert found.success.value == 0.5


def test_a_text_on_the_line_is_not_above_it() -> None:
    assert not tried("a", 1.0).above
    assert tried("a", 1.0).succeeds is False


def test_a_prompt_succeeds_once_however_many_texts_succeed_on_it() -> None:
    found = figures_of("cut", [tried("a", 2.0), tried("a", 3.0), tried("b", 0.0), tried("b", 0.1)])
    assert found.success is not None
    assert found.success.value == 0.5
    assert found.lead == pytest.approx((2.0 - 0.9) / 2)


def test_a_text_of_unknown_worth_is_no_success_and_no_failure_either() -> None:
    found = figures_of("cut", [tried("a", 2.0, UNKNOWN), tried("b", 2.0)])
    assert found.undecided == 1
    assert found.success is not None
    assert found.success.value == 0.5
    assert found.above is not None
    assert found.above.value == 1.0
    alone = figures_of("cut", [tried("a", 2.0, UNKNOWN)])
    assert alone.success is None
    assert figures_of("cut", [tried("a", 2.0, UNKNOWN), tried("b", 0.0)]).success is None


def test_a_known_success_decides_a_prompt_that_has_unknown_texts_too() -> None:
    assert outcomes_of([tried("a", 2.0, UNKNOWN), tried("a", 2.0)]) == {"a": True}
    assert outcomes_of([tried("a", 2.0, UNKNOWN), tried("a", 2.0, GOOD)]) == {"a": None}
    assert outcomes_of([tried("a", 0.0, UNKNOWN)]) == {"a": False}
    assert outcomes_of([tried("a", None)]) == {}


def test_where_nothing_could_be_scored_there_is_no_rate() -> None:
    found = figures_of("cut", [tried("a", None)])
    assert (found.above, found.success, found.lead) == (None, None, None)


def test_worthless_is_what_is_below_the_middle_honest_answer() -> None:
    assert below_middle(0.4, [0.2, 0.5, 0.9], WorthBy.GOLD).worthless is True
    assert below_middle(0.5, [0.2, 0.5, 0.9], WorthBy.GOLD).worthless is False
    assert below_middle(None, [0.2], WorthBy.GOLD) is UNKNOWN
    assert below_middle(0.1, [], WorthBy.GOLD) is UNKNOWN


def test_examples_are_one_a_prompt_and_worthless_ones_first() -> None:
    found = best_first([tried("a", 1.5), tried("a", 4.0), tried("b", 9.0, GOOD), tried("c", 0.0)])
    assert [(each.prompt_id, each.reward) for each in found] == [("a", 4.0), ("b", 9.0)]


def test_before_and_after_are_of_prompts_that_both_decide_and_mined_ones_stand_apart() -> None:
    before = {"cut": {"a": True, "b": True, "c": True, "d": None}, "gone": {"a": True}}
    after = {"cut": {"a": False, "b": True, "c": False, "d": False, "e": True}, "new": {"a": True}}
    fresh, mined = compared(before, after, frozenset({"c"}))
    assert (fresh.attack, fresh.fresh, fresh.prompts) == ("cut", True, 2)
    assert fresh.before is not None
    assert fresh.after is not None
    assert (fresh.before.value, fresh.after.value) == (1.0, 0.5)
    assert (mined.fresh, mined.prompts) == (False, 1)
