"""Known answers as judge: right, wrong, or nothing to check."""

from __future__ import annotations

import pytest

from rlaif.errors import InputError
from rlaif.judging.answer_judge import JUDGE_KIND, AnswerJudge
from rlaif.judging.group_rewards.criteria import JudgedBy
from rlaif.judging.group_rewards.part import PromptGroup
from rlaif.judging.group_rewards.pointwise_part import PointwisePart
from rlaif.judging.kinds import judge_kind
from rlaif.records import State

from .builders import completion, constitution, prompt

SUM = prompt("What is 13 plus 5?", meta={"result": 18})


def test_the_final_answer_alone_decides() -> None:
    texts = ("The answer is 18.", "The answer is 19.", "Hello.")
    found = AnswerJudge("result").checklist([(SUM, completion(text)) for text in texts], [])
    assert [(each.state, each.value) for each in found] == [
        (State.SCORE, 1.0), (State.SCORE, 0.0), (State.SCORE, 0.0),
    ]  # fmt: skip


@pytest.mark.parametrize("meta", [{}, {"result": None}, {"result": ""}, {"other": 18}])
def test_where_nothing_is_known_it_abstains_and_nobody_is_wrong(meta: dict[str, object]) -> None:
    asked = prompt("What is 13 plus 5?", meta=meta)
    (found,) = AnswerJudge("result").checklist([(asked, completion("The answer is 19."))], [])
    assert (found.state, found.value) == (State.ABSTAIN, None)
    assert "(result)" in found.detail


def test_zero_is_a_known_answer() -> None:
    asked = prompt("What is 5 minus 5?", meta={"result": 0})
    (found,) = AnswerJudge("result").checklist([(asked, completion("It is 0."))], [])
    assert found.value == 1.0


def test_the_thought_is_not_read() -> None:
    said = completion("The answer is 19.", thought="The answer is 18.")
    (found,) = AnswerJudge("result").checklist([(SUM, said)], [])
    assert found.value == 0.0


def test_its_name_says_the_column_and_another_column_is_another_judge() -> None:
    assert judge_kind("answer:result") is JUDGE_KIND
    assert AnswerJudge("a").fingerprint != AnswerJudge("b").fingerprint
    with pytest.raises(InputError, match="write answer:COLUMN"):
        JUDGE_KIND.open("answer:", None)  # type: ignore[arg-type]


def test_as_a_reward_having_nothing_to_check_is_no_failure() -> None:
    """A part that abstains is silent: it counts for no limit on failures, and the other parts decide."""
    part = PointwisePart("answer", AnswerJudge("result"), JudgedBy(constitution=constitution()))
    unknown = prompt("How are you?")
    groups = [PromptGroup(SUM, [completion("18", SUM)]), PromptGroup(unknown, [completion("Fine.", unknown)])]
    found = part.readings(groups, step=0, seed=0)
    assert [(each.state, each.value) for each in found] == [(State.SCORE, 1.0), (State.ABSTAIN, None)]
