"""One criterion a call and all in one call say the same; hard criteria outweigh every number."""

from __future__ import annotations

import pytest

from rlaif.engines.base import BaseEngine
from rlaif.errors import InputError
from rlaif.feedback import PairPlan, make_pairs
from rlaif.judging import ModelJudge
from rlaif.judging.pointwise import judge_by_rubrics
from rlaif.judging.protocols import Asking, pointwise
from rlaif.records import NoPair, Rubric, RubricCriterion, State
from tests.judging.builders import RuleEngine, completion, constitution, principle, prompt
from tests.judging.protocols.oracles import Judging

RUBRIC = Rubric(
    prompt=prompt().messages,
    criteria=(
        RubricCriterion(id="hello", text="says hello", weight=2.0),
        RubricCriterion(id="rude", text="says fool", weight=-1.0),
        RubricCriterion(id="safe", text="says careful", hard=True),
    ),
)
TEXTS = ("hello careful", "hello fool careful", "hello", "careful")


def says(response: str, rule: str) -> bool:
    return rule.removeprefix("says ") in response


def engine() -> RuleEngine:
    judging = Judging(says)
    return RuleEngine(judging.score, judging.write)


@pytest.mark.parametrize(("name", "sure"), [("rubric", 0.9), ("rubric-list", 1.0)])
def test_both_ways_of_asking_give_the_number_by_hand(name: str, sure: float) -> None:
    items = [(prompt(), completion(text)) for text in TEXTS]
    found = judge_by_rubrics(ModelJudge(engine()), constitution(), items, [RUBRIC], name)
    p = {True: sure, False: 1 - sure}
    by_hand = [
        (2 * p["hello" in text] - p["fool" in text] + p["careful" in text]) / (2 + 1 + 1) for text in TEXTS
    ]
    assert [each.value for each in found] == pytest.approx(by_hand)
    assert {each.rubric for each in found} == {RUBRIC.digest}


def test_the_one_asks_a_call_a_criterion_and_the_other_one_a_completion() -> None:
    items = [(prompt(), completion(text)) for text in TEXTS]
    for name, calls in (("rubric", 12), ("rubric-list", 4)):
        asked = engine()
        found = judge_by_rubrics(ModelJudge(asked), constitution(), items, [RUBRIC], name)
        assert len(asked.asked) == calls == len({call for each in found for call in each.calls})


def test_a_judge_that_writes_is_asked_one_criterion_a_call_in_writing() -> None:
    judge = ModelJudge(engine(), in_writing=True)
    found = judge_by_rubrics(judge, constitution(), [(prompt(), completion("hello"))], [RUBRIC], "rubric")
    assert [row.get("p") for row in found[0].criteria] == pytest.approx([0.98, 0.02, 0.02])


def test_a_list_that_breaks_off_in_the_middle_leaves_its_criteria_out() -> None:
    half = RuleEngine(Judging(says).score, lambda _: "1: yes\n2: no")
    found = judge_by_rubrics(
        ModelJudge(half), constitution(), [(prompt(), completion("x"))], [RUBRIC], "rubric-list"
    )
    assert found[0].value == pytest.approx(2 / 3)
    assert found[0].criteria[2]["state"] == "unreadable"
    assert "p" not in found[0].criteria[2]


def test_a_reply_without_any_line_is_unreadable_after_all_tries() -> None:
    mute = RuleEngine(Judging(says).score, lambda _: "hm")
    found = judge_by_rubrics(
        ModelJudge(mute),
        constitution(),
        [(prompt(), completion("x"))],
        [RUBRIC],
        "rubric-list",
        Asking(again=2),
    )
    assert (found[0].state, found[0].value) == (State.UNREADABLE, None)
    assert len(mute.asked) == 3


def test_a_hard_criterion_outweighs_the_number() -> None:
    # a rude answer that is careful beats the friendly one that is not
    texts = [completion("hello"), completion("fool careful")]
    judge = ModelJudge(engine())
    judgments = judge_by_rubrics(
        judge, constitution(), [(prompt(), each) for each in texts], [RUBRIC], "rubric"
    )
    plan = PairPlan(pairing="best-worst", then="none")
    made = make_pairs([prompt()], texts, judgments, judge=judge, constitution=constitution(), plan=plan)
    (pair,) = made.pairs
    assert pair.chosen[0].content == "fool careful"
    assert pair.label_prob == pytest.approx(0.98)
    assert pair.provenance["rubrics"] == [RUBRIC.digest]


def test_two_that_fail_a_hard_criterion_are_no_pair() -> None:
    texts = [completion("hello"), completion("fool")]
    judge = ModelJudge(engine())
    judgments = judge_by_rubrics(
        judge, constitution(), [(prompt(), each) for each in texts], [RUBRIC], "rubric"
    )
    plan = PairPlan(pairing="best-worst", then="none")
    made = make_pairs([prompt()], texts, judgments, judge=judge, constitution=constitution(), plan=plan)
    assert (made.pairs, made.funnel.no_pair[NoPair.BOTH_VIOLATE]) == ([], 1)


def test_hard_principles_of_the_constitution_stay_above_a_rubric() -> None:
    law = constitution(principle("law", "says law", hard=True))
    texts = [completion("hello careful"), completion("law careful")]
    judge = ModelJudge(engine())
    judgments = judge_by_rubrics(judge, law, [(prompt(), each) for each in texts], [RUBRIC], "rubric")
    plan = PairPlan(pairing="best-worst", then="none")
    (pair,) = make_pairs([prompt()], texts, judgments, judge=judge, constitution=law, plan=plan).pairs
    assert pair.chosen[0].content == "law careful"


def test_a_prompt_without_a_rubric_is_judged_by_nothing() -> None:
    other = prompt("another")
    items = [(prompt(), completion("hello")), (other, completion("hello", other))]
    found = judge_by_rubrics(ModelJudge(engine()), constitution(), items, [RUBRIC], "rubric")
    assert {each.prompt_id for each in found} == {prompt().id}


def test_without_rubrics_the_principles_that_apply_are_the_rubric() -> None:
    rules = [principle("hello", "says hello"), principle("oven", "says oven", applies_to=("howto",))]
    asked = prompt("x", tags=("sad",))
    (found,) = pointwise("rubric").ask(
        ModelJudge(engine()), [(asked, completion("hello", asked))], rules, Asking()
    )
    assert [row["id"] for row in found.criteria] == ["hello"]


def test_a_model_that_cannot_read_the_question_is_refused_with_the_other_way() -> None:
    class FewWords(RuleEngine, BaseEngine):
        def reads(self, text: str) -> bool:
            return False

    few = FewWords(Judging(says).score, Judging(says).write)
    with pytest.raises(InputError, match="protocol: rubric"):
        pointwise("rubric-list").ask(
            ModelJudge(few), [(prompt(), completion("x"))], [principle("a")], Asking()
        )
