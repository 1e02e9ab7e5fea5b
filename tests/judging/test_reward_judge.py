from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import pytest

from rlaif.judging import ModelJudge, RewardJudge, judge_kind
from rlaif.records import Message, Score, ScoreRequest, State, ToolCall

from .builders import RuleEngine, completion, constitution, pairs_and_funnel, principle, prompt

HOUSE = constitution(principle("greet"), principle("safe", hard=True))


class Lengths:
    """A reward engine that likes long answers and fails on "bad"."""

    name, fingerprint = "reward:lengths", "b2:lengths"

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        for each in reversed(list(requests)):
            (text,) = each.continuations
            if text == "bad":
                yield Score(request_id=each.id, logprobs=(), error="no memory")
            else:
                yield Score(request_id=each.id, logprobs=(len(text) - 5.0,))


JUDGE = RewardJudge(Lengths())  # type: ignore[arg-type]
SHORT, LONG, BAD = completion("abc"), completion("abcdefg"), completion("bad")


def test_a_reward_is_given_in_its_own_units() -> None:
    found = JUDGE.checklist([(prompt(), SHORT), (prompt(), LONG), (prompt(), BAD)], HOUSE.principles)
    assert [each.value for each in found[:2]] == [-2.0, 2.0]
    assert (found[2].state, found[2].value) == (State.TRANSPORT, None)
    assert {each.principle_id for each in found} == {None}


class Level(Lengths):
    """The same likes on a level of its own."""

    def __init__(self, level: float) -> None:
        self.level = level

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        for each in super().score(requests):
            yield Score(request_id=each.request_id, logprobs=tuple(self.level + one for one in each.logprobs))


@pytest.mark.parametrize("then", ["compare", "none"])
@pytest.mark.parametrize("level", [-500.0, -40.0, 0.0, 36.0, 500.0])
def test_the_level_of_rewards_makes_no_difference(level: float, then: str) -> None:
    from rlaif.feedback import PairPlan

    judge = RewardJudge(Level(level))  # type: ignore[arg-type]
    texts = [completion("a" * count) for count in (3, 4, 6, 9)]
    judgments = judge.checklist([(prompt(), each) for each in texts], HOUSE.principles)
    pairs, funnel = pairs_and_funnel(
        [prompt()], texts, judgments, judge=judge, constitution=HOUSE,
        plan=PairPlan(then=then, pairing="all"), critic=None,
    )  # fmt: skip
    assert (len(pairs), funnel.no_pair) == (6, {})
    assert all(len(each.chosen[0].content) > len(each.rejected[0].content) for each in pairs)
    assert sorted(each.score_gap or 0.0 for each in pairs) == [1.0, 2.0, 3.0, 3.0, 5.0, 6.0]
    assert sorted(each.label_prob for each in pairs)[0] == pytest.approx(1 / (1 + math.exp(-1)))


def test_a_comparison_is_the_sigmoid_of_the_difference_in_both_orders() -> None:
    forward, backward = JUDGE.compare([(prompt(), SHORT, LONG)], HOUSE.principles)
    assert (forward.value, backward.value) == (
        pytest.approx(1 / (1 + math.exp(4))), pytest.approx(1 / (1 + math.exp(-4))),
    )  # fmt: skip


@pytest.mark.parametrize("then", ["compare", "none"])
def test_rewards_make_pairs_and_failures_make_none(then) -> None:
    from rlaif.feedback import PairPlan

    other = prompt("another")
    texts = [SHORT, LONG, completion("bad", other), completion("good", other)]
    by_id = {each.id: each for each in (prompt(), other)}
    judgments = JUDGE.checklist([(by_id[each.prompt_id], each) for each in texts], HOUSE.principles)
    pairs, funnel = pairs_and_funnel(
        list(by_id.values()), texts, judgments, judge=JUDGE, constitution=HOUSE, plan=PairPlan(then=then),
        critic=RuleEngine(lambda *_: {}, lambda _: "never asked"),
    )  # fmt: skip
    (pair,) = pairs
    assert pair.chosen[0].content == "abcdefg"
    assert pair.label_prob == pytest.approx(0.98)
    assert pair.principles == ({"id": "whole", "p": pytest.approx(1 / (1 + math.exp(-4)))},)
    assert pair.critique is None
    assert funnel.no_pair == {"transport": 1}


def test_the_name_says_which_judge_a_model_makes() -> None:
    assert judge_kind("reward:models/r1").makes is RewardJudge
    assert judge_kind("models/r1").makes is ModelJudge


def test_the_last_answer_is_rewarded_behind_the_turns_before_it() -> None:
    asked: list[ScoreRequest] = []

    class Heard(Lengths):
        def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
            asked.extend(requests)
            yield from super().score(asked)

    call = Message(role="assistant", content="", tool_calls=(ToolCall(name="sum", arguments="{}"),))
    lead = (call, Message(role="tool", content="5"))
    whole = completion("abcdefg", lead=lead, thought="5 it is.")
    to = prompt(tools=({"name": "sum"},))
    [found] = RewardJudge(Heard()).checklist([(to, whole)], HOUSE.principles)  # type: ignore[arg-type]
    [request] = asked
    assert found.value == 2.0
    assert (request.messages, request.tools) == ((*to.messages, *lead), to.tools)
    assert request.continuations == ("abcdefg",)


def test_what_ends_in_a_call_has_no_answer_to_reward() -> None:
    calls = completion("", tool_calls=(ToolCall(name="sum", arguments="{}"),))
    found = JUDGE.checklist([(prompt(), calls), (prompt(), LONG)], HOUSE.principles)
    assert [(each.state, each.value) for each in found] == [(State.ABSTAIN, None), (State.SCORE, 2.0)]
