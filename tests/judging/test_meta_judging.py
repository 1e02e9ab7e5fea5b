"""Judgments of judgments: how they are drawn, which question is kept, and who wins."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from rlaif.errors import InputError
from rlaif.feedback.judgment_pairs import judgment_pairs
from rlaif.judging import ModelJudge
from rlaif.judging.battles import Battle
from rlaif.judging.meta_judging import (
    JudgedQuestion,
    battles_of,
    check_form,
    judge_often,
    judged_in_words,
    most_in_doubt,
    questions_about,
)
from rlaif.records import ASKED_OF, Sampling, prompt_name

from .builders import RuleEngine, completion, principle, prompt

GREET = principle("greet")
TEXTS = (completion("Hello"), completion("Flour"), completion("Water"))
HOW = Sampling(temperature=0.8, max_tokens=40)


def judged(*judgments: str, verdicts: tuple[float, ...] = (), number: int = 0) -> JudgedQuestion:
    verdicts = verdicts or tuple(float(each.endswith("A")) for each in judgments)
    return JudgedQuestion(
        prompt=prompt(),
        completions=TEXTS[:2],
        principle=GREET,
        text=f"Which is better? {number}",
        judgments=judgments,
        verdicts=verdicts,
        values=verdicts,
    )


def test_two_answers_are_judged_in_one_order_and_neighbours_in_the_other() -> None:
    judge = ModelJudge(RuleEngine(lambda *_: {}))
    asked = list(questions_about(judge, "compare-cot", prompt(), TEXTS, [GREET]))
    assert [[each.text for each in shown] for shown, _, _ in asked] == [
        ["Hello", "Flour"],
        ["Water", "Flour"],
    ]
    assert asked[0][2].text == judge.question("compare-cot", prompt(), ["Hello", "Flour"], GREET)
    single = list(questions_about(judge, "checklist-cot", prompt(), TEXTS, [GREET]))
    assert [len(shown) for shown, _, _ in single] == [1, 1, 1]


def test_an_unreadable_judgment_is_no_judgment_and_equal_ones_are_one() -> None:
    texts = ["Answer: A", "Answer: A", "hm", "So.\nAnswer: B"]
    judge = ModelJudge(RuleEngine(lambda *_: {}, lambda each: texts[each.draw or 0]))
    [(shown, rule, asked)] = list(questions_about(judge, "compare-cot", prompt(), TEXTS[:2], [GREET]))
    [found] = judge_often(
        judge, "compare-cot", [(prompt(), shown, rule, asked)], samples=4, sampling=HOW, seed=0
    )
    assert found.judgments == ("Answer: A", "So.\nAnswer: B")
    assert (found.verdicts, found.values, found.lost) == ((1.0, 0.0), (1.0, 1.0, 0.0), 1)
    assert found.variance == pytest.approx(2 / 9)


def test_of_each_prompt_the_question_of_most_disagreement_is_kept() -> None:
    sure, torn = judged("1 A", "2 A", "3 A", "4 B"), judged("1 A", "2 B", number=1)
    assert most_in_doubt([sure, torn]) == [torn]
    assert most_in_doubt([judged("Answer: A")]) == []


def test_all_ordered_pairs_fight_and_the_better_judgment_wins_in_either_place() -> None:
    def prefers(text: str, _: tuple[str, ...]) -> Mapping[str, float]:
        shown = text.split("Judgment A:")[1]
        first_good = shown.index("good") < shown.index("poor") if "poor" in shown else True
        return {"A": 0.9, "B": 0.1} if first_good else {"A": 0.1, "B": 0.9}

    meta = ModelJudge(RuleEngine(prefers))
    [own] = battles_of(meta, "both", [judged("good A", "poor B")])
    assert own == [Battle(0, 1, "first"), Battle(1, 0, "second")]


def test_a_battle_whose_labels_the_meta_judge_does_not_say_is_unreadable_and_no_tie() -> None:
    silent = ModelJudge(RuleEngine(lambda *_: {"A": 0.1, "B": 0.1}))
    [own] = battles_of(silent, "both", [judged("good A", "poor B")])
    assert {each.winner for each in own} == {"unreadable"}
    even = ModelJudge(RuleEngine(lambda *_: {"A": 0.5, "B": 0.5}))
    assert {each.winner for each in battles_of(even, "both", [judged("good A", "poor B")])[0]} == {"tie"}


def test_one_by_one_the_verdict_that_is_found_right_wins_in_either_place() -> None:
    def right(text: str, _: tuple[str, ...]) -> Mapping[str, float]:
        p = 0.9 if text.endswith("Judgment: B\n") or text.endswith("Judgment: B") else 0.2
        return {"yes": p, "no": 1 - p}

    meta = ModelJudge(RuleEngine(right))
    [own] = battles_of(meta, "each", [judged("1 A", "2 B", "3 A")])
    assert [each for each in own if 1 in each[:2]] == [
        Battle(0, 1, "second"),
        Battle(1, 0, "first"),
        Battle(1, 2, "first"),
        Battle(2, 1, "second"),
    ]
    assert {each.winner for each in own if 1 not in each[:2]} == {"tie"}


def test_one_by_one_is_for_verdicts_on_two_answers() -> None:
    with pytest.raises(InputError, match="form: both"):
        check_form(ModelJudge(RuleEngine(lambda *_: {})), "each", "checklist-cot")


def test_a_protocol_without_words_cannot_be_judged() -> None:
    with pytest.raises(InputError, match="'compare' writes no reasoning"):
        judged_in_words("compare")


def test_a_pair_asks_the_judges_question_and_prefers_its_best_judgment() -> None:
    question = judged("good A", "poor B")
    made = judgment_pairs([question], [[Battle(0, 1, "first"), Battle(1, 0, "second")]], number=2)
    [pair] = made.pairs
    assert pair.prompt[0].content == question.text
    assert (pair.chosen[0].content, pair.rejected[0].content) == ("good A", "poor B")
    assert (pair.label_prob, pair.round) == (1.0, 2)
    assert pair.score_gap == pytest.approx((pair.chosen_score or 0) - (pair.rejected_score or 0))
    # a held-out prompt keeps questions about it out of training
    assert pair.provenance[ASKED_OF] == prompt_name(prompt().messages)


def test_a_chosen_judgment_that_is_too_long_is_dropped_and_counted() -> None:
    fights = [[Battle(0, 1, "first"), Battle(1, 0, "second")], [Battle(0, 1, "tie")]]
    made = judgment_pairs([judged("good A", "poor B"), judged("1 A", "2 B", number=1)], fights, longest=5)
    assert made.pairs == []
    assert (made.counts["too long"], made.counts["all equal"], made.counts["pairs"]) == (1, 1, 0)
