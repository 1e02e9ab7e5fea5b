"""Known labels in several formats: what is asked, what is answered, caps and weights."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from rlaif.judging import ModelJudge
from rlaif.judging.label_formats import (
    KnownGrade,
    Rendered,
    classification_rows,
    critique_rows,
    labels_of_tests,
    mixture,
    pairwise_rows,
    pointwise_rows,
    tail_patch,
)
from rlaif.judging.traces import KnownLabel
from rlaif.records import Message, Pair, PrincipleTest

from .builders import RuleEngine, completion, constitution, principle, prompt

GREET = principle("greet", tests=(PrincipleTest(prompt="Hi.", better="Hello", worse="Flour"),))
JUDGE = ModelJudge(RuleEngine(lambda *_: {}))
HELLO, FLOUR = ((Message(role="assistant", content=text),) for text in ("Hello", "Flour"))
PAIR = Pair(
    prompt=prompt().messages, chosen=HELLO, rejected=FLOUR, label_prob=1.0, critique="It does not greet."
)


def row(number: int, answer: str, task: str = "classification") -> Rendered:
    return Rendered(task, "greet", f"question {number}", answer)


def test_each_format_asks_word_for_word_what_the_judge_is_asked() -> None:
    known = [KnownGrade(prompt(), completion("Hello"), GREET, 0.9)]
    [rating], [label] = list(pointwise_rows(JUDGE, known)), list(classification_rows(JUDGE, known))
    assert rating.question == JUDGE.question("score", prompt(), ["Hello"], GREET)
    assert label.question == JUDGE.question("checklist", prompt(), ["Hello"], GREET)
    assert (rating.answer, label.answer) == ("5", "yes")
    one, other = pairwise_rows(JUDGE, [KnownLabel(pair=PAIR, principle=GREET)])
    assert one.question == JUDGE.question("compare", prompt(), ["Hello", "Flour"], GREET)
    assert other.question == JUDGE.question("compare", prompt(), ["Flour", "Hello"], GREET)
    assert (one.answer, other.answer) == ("A", "B")
    [said] = critique_rows(JUDGE, [PAIR], constitution(GREET))
    assert said.answer == "It does not greet."


def test_a_rating_is_the_number_nearest_to_the_share_of_the_scale() -> None:
    known = [KnownGrade(prompt(), completion("x"), GREET, share) for share in (0.0, 0.3, 0.5, 1.0)]
    assert [each.answer for each in pointwise_rows(JUDGE, known)] == ["1", "2", "3", "5"]


def test_tests_of_principles_are_labels_of_pairs_and_of_single_answers() -> None:
    labels, known = labels_of_tests(constitution(GREET))
    assert [each.sides[0][0].content for each in labels] == ["Hello"]
    assert [(each.completion.text, each.follows) for each in known] == [("Hello", 1.0), ("Flour", 0.0)]


def test_a_test_that_is_a_conversation_is_asked_with_all_its_turns() -> None:
    before = (Message(role="user", content="Hi"), Message(role="assistant", content="Hello"))
    talk = replace(GREET, tests=tuple(replace(each, before=before) for each in GREET.tests))
    labels, known = labels_of_tests(constitution(talk))
    asked = (*before, Message(role="user", content=GREET.tests[0].prompt))
    assert [each.pair.prompt for each in labels] == [asked]
    assert {each.prompt.messages for each in known} == {asked}


def test_a_task_has_at_most_its_cap_of_examples_and_no_answer_more_than_half_of_it() -> None:
    rows = [row(number, "yes") for number in range(90)] + [row(100 + number, "no") for number in range(10)]
    made = mixture(rows, cap=20, weights={}, seed=0)
    assert Counter(each.messages[-1].content for each in made.examples) == {"yes": 10, "no": 10}
    assert made.counts == {"classification: found": 100, "classification: kept": 20}
    alone = mixture(rows[:90], cap=20, weights={}, seed=0)
    assert len(alone.examples) == 20


def test_answers_in_words_are_capped_as_a_whole() -> None:
    rows = [row(number, f"fault {number}", "critique") for number in range(30)]
    assert len(mixture(rows, cap=20, weights={}, seed=0).examples) == 20


def test_a_format_of_weight_0_is_left_out_and_others_carry_their_weight() -> None:
    rows = [row(1, "yes"), row(2, "A", "pairwise"), row(3, "5", "pointwise")]
    made = mixture(rows, cap=9, weights={"classification": 0.0, "pairwise": 0.3}, seed=0)
    assert {(each.messages[-1].content, each.weight) for each in made.examples} == {("A", 0.3), ("5", 1.0)}


def test_a_tail_patch_gives_what_helps_full_weight_what_does_nothing_some_and_what_harms_none() -> None:
    gains = {"pairwise": 0.02, "pointwise": 0.004, "classification": -0.004, "critique": -0.02}
    assert tail_patch(gains, 0.005) == {
        "pairwise": 1.0, "pointwise": 0.3, "classification": 0.3, "critique": 0.0,
    }  # fmt: skip
