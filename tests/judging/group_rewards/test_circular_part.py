"""Neighbours in a circle, both orders: who wins more is better, and what could not be read did not take place."""

from __future__ import annotations

from itertools import permutations
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.errors import InputError
from rlaif.judging import GoldJudge
from rlaif.judging.function_judge import PairFunctionJudge
from rlaif.judging.group_rewards import circular_part
from rlaif.judging.group_rewards.circular_part import CircularPart
from rlaif.judging.protocol import Judge
from rlaif.records import State
from tests.judging.builders import constitution, principle

from .groups import Letters, failing, first_shown, group, inverted, oracle, pairs

HOUSE = constitution(principle("a"), principle("b"))


def rewards(judge: Judge, *texts: str, seed: int = 0, rules: object = HOUSE) -> list[float | None]:
    part = CircularPart("circle", judge, rules, protocol="compare")  # type: ignore[arg-type]
    return [each.value for each in part.readings([group(*texts)], step=0, seed=seed)]


def test_three_are_ordered_as_the_judge_orders_them() -> None:
    assert rewards(pairs(oracle), "2", "3", "1") == pytest.approx([0.5, 0.95, 0.05])
    assert rewards(pairs(inverted), "2", "3", "1") == pytest.approx([0.5, 0.05, 0.95])


@settings(max_examples=40, deadline=None)
@given(st.permutations(["1", "2", "3", "4", "5", "6", "7"]), st.integers(0, 50))
def test_the_best_wins_all_and_the_worst_none_whatever_their_places(texts: list[str], seed: int) -> None:
    found = dict(zip(texts, rewards(pairs(oracle), *texts, seed=seed), strict=True))
    assert found["7"] == pytest.approx(0.95)
    assert found["1"] == pytest.approx(0.05)
    assert found == pytest.approx(
        dict(zip(sorted(texts), rewards(pairs(oracle), *sorted(texts), seed=seed), strict=True))
    )


def test_over_all_circles_the_mean_reward_is_the_share_of_siblings_that_one_beats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = ["1", "2", "3", "4", "5"]
    sums: dict[str, list[float]] = {each: [] for each in texts}
    for order in permutations(range(5)):
        places = iter(order)
        monkeypatch.setattr(circular_part, "derived_seed", lambda *_, own=places: next(own))
        for text, number in zip(texts, rewards(pairs(oracle), *texts), strict=True):
            assert number is not None
            sums[text].append(number)
    assert [fmean(sums[each]) for each in texts] == pytest.approx(
        [0.05 + 0.9 * beaten / 4 for beaten in range(5)]
    )


def test_g_completions_cost_two_calls_for_each_of_g_comparisons() -> None:
    asked: list[tuple[str, str]] = []

    def compare(one: object, other: object) -> float:
        asked.append((one.text, other.text))  # type: ignore[attr-defined]
        return oracle(one, other)  # type: ignore[arg-type]

    rewards(pairs(compare), *"12345678")
    assert len(asked) == 16
    assert {(b, a) for a, b in asked} == set(asked)


def test_a_judge_that_follows_position_gives_no_reward() -> None:
    part = CircularPart("circle", pairs(first_shown), HOUSE, protocol="compare")
    found = part.readings([group("1", "2", "3", "4")], step=0, seed=0)
    assert [(each.value, each.state, each.detail) for each in found] == [
        (None, State.UNREADABLE, "both orders disagree")
    ] * 4


def test_equals_in_both_orders_are_even_and_what_fails_is_no_tie() -> None:
    assert rewards(pairs(lambda *_: 0.5), "1", "2", "3") == [0.5, 0.5, 0.5]
    assert rewards(pairs(lambda *_: None), "1", "2", "3") == [None, None, None]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.2, 0.5]))
def test_a_comparison_that_fails_leaves_the_mean_of_the_others(seed: int, share: float) -> None:
    texts = [str(number) for number in range(1, 7)]
    whole = rewards(pairs(oracle), *texts)
    found = rewards(pairs(failing(share, seed)), *texts)
    for there, before in zip(found, whole, strict=True):
        # two comparisons, each won or lost: with one left it is one of their two numbers
        assert there is None or before is not None
        assert (
            there is None
            or there == pytest.approx(before)
            or there == pytest.approx(0.95 if there > 0.5 else 0.05)
        )
    assert found[-1] in (None, pytest.approx(0.95))
    assert found[0] in (None, pytest.approx(0.05))


def test_what_raises_or_is_no_probability_is_a_failure_with_its_reason() -> None:
    def raises(*_: object) -> float:
        raise OSError("no line")

    part = CircularPart("circle", PairFunctionJudge("j", raises, fingerprint="j"), HOUSE, protocol="compare")
    [first, *_] = part.readings([group("1", "2", "3")], step=0, seed=0)
    assert (first.value, first.detail) == (None, "raised OSError: no line")


def test_equal_completions_have_one_reward_and_are_asked_about_once() -> None:
    assert rewards(pairs(oracle), "1", "2", "1") == pytest.approx([0.05, 0.95, 0.05])
    assert rewards(pairs(oracle), "1", "1", "1") == [0.5, 0.5, 0.5]


def test_one_that_is_left_alone_has_no_rivals_and_no_reward() -> None:
    part = CircularPart("circle", pairs(oracle), HOUSE, protocol="compare")
    [found] = part.readings([group("1")], step=0, seed=0)
    assert (found.value, found.state) == (None, State.ABSTAIN)
    assert rewards(pairs(oracle), "1", "2") == pytest.approx([0.05, 0.95])


def test_principles_decide_together_and_a_hard_one_takes_off_one() -> None:
    judge = GoldJudge(Letters())
    soft = rewards(judge, "ab", "a", "-")
    assert soft[0] is not None
    assert soft[1] is not None
    assert soft[0] > soft[1] > (soft[2] or 0)
    hard = constitution(principle("a"), principle("b", hard=True))
    kept, broken, _ = rewards(judge, "b", "a", "ab", rules=hard)
    assert kept is not None
    assert broken is not None
    assert broken < 0 <= kept


def test_a_hard_principle_from_which_the_judge_abstains_takes_nothing_off() -> None:
    hard = constitution(principle("a"), principle("b", hard=True))
    assert rewards(GoldJudge(Letters()), "a b?", "- b?", "ab", rules=hard)[0] is not None


def test_only_hard_principles_compare_nothing() -> None:
    with pytest.raises(InputError, match="nothing is left to compare"):
        CircularPart("c", GoldJudge(Letters()), constitution(principle("a", hard=True)), protocol="compare")


def test_a_judge_that_cannot_be_asked_so_is_refused() -> None:
    with pytest.raises(InputError, match="compare-cot"):
        CircularPart("c", pairs(oracle), HOUSE, protocol="compare-cot")
