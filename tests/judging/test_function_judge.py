"""Functions as judges: an answer is data, None is no answer, and what is raised is the failure of its call."""

from __future__ import annotations

import math

import pytest

from rlaif.judging.function_judge import FunctionReward, PairFunctionJudge
from rlaif.judging.rewards import NamedRewardJudge
from rlaif.records import Completion, Judgment, Prompt, State
from tests.judging.builders import completion, pairs_and_funnel, principle, prompt
from tests.judging.builders import constitution as rules_of

TO = prompt()
SHORT, MIDDLE, LONG = (completion("x" * n) for n in (1, 2, 5))


def shorter(asked: Prompt, first: Completion, second: Completion) -> float | None:
    """P(first is shorter), from its text alone."""
    return 0.5 if len(first.text) == len(second.text) else float(len(first.text) < len(second.text))


def length(asked: Prompt, text: Completion) -> float | None:
    return -float(len(text.text))


def judge(function: object = shorter) -> PairFunctionJudge:
    return PairFunctionJudge("mine", function, fingerprint="f")  # type: ignore[arg-type]


def one(function: object) -> Judgment:
    """What a pair function's answer is read as."""
    return judge(function).compare([(TO, SHORT, LONG)], [])[0]


def test_both_orders_are_asked_and_no_principle_is_named() -> None:
    there, back = judge().compare([(TO, SHORT, LONG)], [principle("brief"), principle("kind")])
    assert (there.value, back.value) == (1.0, 0.0)
    assert there.completion_ids == back.completion_ids[::-1]
    assert there.principle_id is None
    assert there.protocol == "compare"


@pytest.mark.parametrize(
    ("answer", "state", "value"),
    [
        (0.7, State.PREFERENCE, 0.7),
        (True, State.PREFERENCE, 1.0),
        (None, State.ABSTAIN, None),
        (1.2, State.UNREADABLE, None),
        (-0.1, State.UNREADABLE, None),
        (math.nan, State.UNREADABLE, None),
        ("A", State.UNREADABLE, None),
        ("0.7", State.UNREADABLE, None),
    ],
)
def test_only_a_probability_is_a_preference(answer: object, state: State, value: float | None) -> None:
    found = one(lambda *_: answer)
    assert (found.state, found.value) == (state, value)


def test_what_a_function_raises_is_a_failed_call_and_is_called_again() -> None:
    calls = []

    def fails(*texts: object) -> float:
        calls.append(texts)
        raise OSError("no line")

    asked = judge(fails)
    for _ in range(2):
        found = asked.compare([(TO, SHORT, LONG)], [])
        assert {each.state for each in found} == {State.UNREADABLE}
        assert found[0].detail == "raised OSError: no line"
    assert len(calls) == 4


def test_an_answer_is_asked_for_once() -> None:
    calls = []

    def counted(asked: Prompt, first: Completion, second: Completion) -> float | None:
        calls.append((first.id, second.id))
        return shorter(asked, first, second)

    asked = judge(counted)
    asked.checklist([(TO, SHORT), (TO, LONG)], [])
    asked.compare([(TO, SHORT, LONG)], [])
    assert sorted(calls) == sorted({(SHORT.id, LONG.id), (LONG.id, SHORT.id)})


def test_a_completions_own_number_is_its_mean_chance_against_the_others_of_its_prompt() -> None:
    elsewhere = prompt("another")
    lone = completion("x", elsewhere)
    found = judge().checklist([(TO, SHORT), (TO, MIDDLE), (TO, LONG), (elsewhere, lone)], [])
    assert [each.value for each in found] == [1.0, 0.5, 0.0, None]
    assert found[-1].state is State.ABSTAIN


def test_a_function_that_follows_position_makes_no_pair() -> None:
    house = rules_of(principle("brief"))
    texts = [SHORT, MIDDLE, LONG]
    follows = judge(lambda asked, first, second: 0.9)
    said = follows.checklist([(TO, each) for each in texts], house.principles)
    assert {each.value for each in said} == {0.5}
    pairs, _ = pairs_and_funnel([TO], texts, said, judge=follows, constitution=house)
    assert pairs == []


def test_an_oracle_and_its_opposite_make_right_and_wrong_pairs() -> None:
    house = rules_of(principle("brief"))
    texts = [SHORT, MIDDLE, LONG]
    for function, best in ((shorter, "x"), (lambda *two: 1 - (shorter(*two) or 0.0), "xxxxx")):
        asked = judge(function)
        said = asked.checklist([(TO, each) for each in texts], house.principles)
        [pair], _ = pairs_and_funnel([TO], texts, said, judge=asked, constitution=house)
        assert pair.chosen[0].content == best
        assert pair.label_prob == pytest.approx(0.98)


def test_a_reward_function_judges_by_the_difference_of_its_numbers() -> None:
    asked = NamedRewardJudge(FunctionReward("brevity", length, fingerprint="f"))
    there, back = asked.compare([(TO, SHORT, LONG)], [principle("brief")])
    assert there.value == pytest.approx(1 / (1 + math.exp(-4)))
    assert back.value == pytest.approx(1 - (there.value or 0))
    [alone] = asked.checklist([(TO, LONG)], [])
    assert (alone.protocol, alone.value) == ("reward", -5.0)


def test_a_reward_function_that_fails_for_one_completion_fails_for_that_one_alone() -> None:
    def picky(asked: Prompt, text: Completion) -> float | None:
        return 1 / (len(text.text) - 1) if len(text.text) < 5 else None

    reward = FunctionReward("picky", picky, fingerprint="f")
    found = NamedRewardJudge(reward).checklist([(TO, SHORT), (TO, MIDDLE), (TO, LONG)], [])
    assert [each.state for each in found] == [State.UNREADABLE, State.SCORE, State.ABSTAIN]
    assert reward.rewards([TO] * 3, [SHORT, MIDDLE, LONG]) == [None, 1.0, None]
