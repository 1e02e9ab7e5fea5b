"""Figures of a round stand over what could be read, and say over how much."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest

from rlaif.engines.base import BaseEngine
from rlaif.records import Completion, Message, Prompt, State
from rlaif.workflows.evaluation.policy_kl import kl
from rlaif.workflows.evaluation.policy_metrics import asked_of, judge_mean, judge_read, read
from tests.judging.builders import RuleEngine, judged

PROMPT = Prompt(messages=(Message(role="user", content="hi"),))


class Policy(RuleEngine, BaseEngine):
    """Finds texts as probable as it is told, and knows how its tokens are spelled."""

    def __init__(self, fingerprint: str, known: Mapping[str, float], spelled: str | None) -> None:
        super().__init__(lambda _, texts: {each: known[each] for each in texts})
        self.fingerprint, self.spelled = fingerprint, spelled

    def spell(self, token_ids: Sequence[int]) -> str | None:
        return self.spelled


def answer(text: str, thought: str = "", *, open_thought: bool = False) -> Completion:
    return Completion(
        prompt_id=PROMPT.id,
        text=text,
        policy="p",
        thought=thought,
        open_thought=open_thought,
        token_ids=(1, 2),
    )


def test_a_mean_over_other_principles_is_left_out_and_counted() -> None:
    said = [
        judged(("x",), "easy", 0.9),
        judged(("x",), "hard", 0.1),
        judged(("y",), "easy", 0.8),
        judged(("y",), "hard", None, state=State.UNREADABLE),
        judged(("z",), "easy", 0.7),
        judged(("z",), "hard", None, state=State.ABSTAIN),
    ]
    readings, asked = read(said), asked_of(said)
    # y would come to .8 without the hard principle
    assert judge_mean(readings, asked) == pytest.approx((0.5 + 0.7) / 2)
    assert judge_read(readings, asked) == pytest.approx(4 / 5)


def test_nothing_read_is_no_figure() -> None:
    said = [judged(("x",), "easy", None, state=State.TRANSPORT)]
    assert judge_mean(read(said), asked_of(said)) is None
    assert judge_read(read(said), asked_of(said)) == 0.0
    assert judge_read({}, {}) is None


def test_kl_is_of_the_thought_and_its_marks_too() -> None:
    whole = "Rule: be brief. Response: yes"
    now, first = (
        Policy("now", {"no": 0.5, whole: 0.5}, whole),
        Policy("first", {"no": 0.5, whole: 0.005}, None),
    )
    both = [(PROMPT, answer("no")), (PROMPT, answer("yes", "be brief."))]
    assert kl(now, first, both) == (pytest.approx(math.log(100) / 2), [])


def test_kl_is_of_a_thought_that_never_ended_too() -> None:
    now, first = Policy("now", {"Rule: be": 0.5}, "Rule: be"), Policy("first", {"Rule: be": 0.05}, None)
    open_one = [(PROMPT, answer("", "be", open_thought=True))]
    assert kl(now, first, open_one) == (pytest.approx(math.log(10)), [])


def test_answers_whose_marks_nobody_knows_are_left_out_of_the_kl_and_counted() -> None:
    now, first = Policy("now", {"no": 0.5}, None), Policy("first", {"no": 0.05}, None)
    both = [(PROMPT, answer("no")), (PROMPT, answer("yes", "be brief."))]
    distance, [said] = kl(now, first, both)
    assert distance == pytest.approx(math.log(10))
    assert "kl is not of the 1 answers whose thoughts are known without their marks" in said
