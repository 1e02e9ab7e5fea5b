from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rlaif.errors import InputError
from rlaif.feedback import PairPlan, make_pairs
from rlaif.judging import ModelJudge, RandomJudge
from rlaif.records import Completion, NoPair, Prompt
from rlaif.templates import load_template
from tests.judging.builders import RuleEngine, completion, constitution, pairs_and_funnel, principle, prompt

from .test_integrity import HOUSE, oracle

TO = prompt()


def engine(write: str = "It does not greet.") -> RuleEngine:
    return RuleEngine(oracle, lambda _: write)


def made(texts: list[Completion], prompts: list[Prompt] | None = None, *, critic: Any = None, **plan: Any):
    judge = ModelJudge(RuleEngine(oracle))
    judgments = judge.checklist([(TO, each) for each in texts], HOUSE.principles)
    return pairs_and_funnel(
        prompts or [TO],
        texts,
        judgments,
        judge=judge,
        constitution=HOUSE,
        plan=PairPlan(**plan),
        critic=critic,
    )


def test_a_pair_holds_all_that_made_it() -> None:
    good, bad = completion("hello oven", policy="b2:one"), completion("mix", policy="b2:two")
    (pair,), _ = made([bad, good], round=2, seed=5, provenance={"run": "r1"})
    assert [each.role for each in (*pair.prompt, *pair.chosen, *pair.rejected)] == [
        "user",
        "assistant",
        "assistant",
    ]
    assert (pair.chosen[0].content, pair.rejected[0].content) == ("hello oven", "mix")
    assert (pair.round, pair.weight, pair.order_consistent, pair.critique) == (2, 1.0, True, None)
    assert pair.chosen_score == pytest.approx(1.9 / 3)
    assert pair.score_gap == pytest.approx(1.6 / 3)
    assert pair.principles == (
        {"id": "hello", "p": pytest.approx(0.9)},
        {"id": "because", "p": pytest.approx(0.5)},
        {"id": "oven", "p": pytest.approx(0.9)},
    )
    origin = pair.provenance
    assert origin["constitution"] == {"name": "house", "version": "1.0.0", "digest": HOUSE.digest}
    assert (origin["judge"], origin["policy"]) == ("b2:rule", ["b2:one", "b2:two"])
    assert origin["templates"] == {name: load_template(name).digest for name in ("checklist", "compare")}
    assert (origin["seed"], origin["run"]) == (5, "r1")
    # three rules on each of two completions, and three in both orders
    assert len(origin["calls"]) == 12


def test_equal_texts_are_one_completion() -> None:
    pairs, funnel = made([completion("mix", draw=n) for n in range(3)])
    assert pairs == []
    assert (funnel.duplicates, funnel.no_pair) == (2, {"duplicate": 1})


def test_truncated_texts_are_no_ones_choice() -> None:
    texts = [completion("hello oven because", finish="length"), completion("hello"), completion("mix")]
    (pair,), funnel = made(texts)
    assert pair.chosen[0].content == "hello"
    assert funnel.truncated == 1
    _, too_few = made(texts[:2])
    assert too_few.no_pair == {"truncated": 1}


CUT_BEST = [completion("hello oven because", finish="length"), completion("hello"), completion("mix")]
CUT_WORST = [completion("mix", finish="length"), completion("hello oven"), completion("hello")]


@pytest.mark.parametrize("pairing", ["all", "best-worst", "rank", "random"])
@pytest.mark.parametrize("texts", [CUT_BEST, CUT_WORST, CUT_BEST[:2], CUT_WORST[:2]])
@pytest.mark.parametrize("seed", range(4))
def test_an_answer_that_was_cut_off_may_lose_and_never_wins(
    pairing: Any, texts: list[Completion], seed: int
) -> None:
    pairs, funnel = made(texts, truncated="reject", pairing=pairing, seed=seed)
    [cut] = [each for each in texts if each.finish == "length"]
    assert all(pair.chosen[0].content != cut.text for pair in pairs)
    for pair in pairs:
        assert pair.truncated == ("rejected" if pair.rejected[0].content == cut.text else "")
    assert funnel.truncated == 1
    if texts == CUT_BEST[:2]:
        assert (pairs, funnel.no_pair) == ([], {NoPair.TRUNCATED: 1})
    if texts == CUT_WORST[:2]:
        assert [pair.truncated for pair in pairs] == ["rejected"]


def test_the_best_of_the_whole_answers_is_set_against_the_worst_of_all() -> None:
    (pair,), _ = made([*CUT_BEST, completion("dough", finish="length")][::-1], truncated="reject")
    assert pair.chosen[0].content == "hello"
    assert pair.rejected[0].content in ("mix", "dough")
    (pair,), _ = made([*CUT_BEST[:2], completion("dough", finish="length")], truncated="reject")
    assert (pair.chosen[0].content, pair.rejected[0].content) == ("hello", "dough")


def test_a_text_that_ended_once_counts_as_ended_however_often_it_was_cut_off() -> None:
    texts = [completion("hello", finish="length", draw=0), completion("hello", draw=1), completion("mix")]
    (pair,), _ = made(texts, truncated="reject")
    assert (pair.chosen[0].content, pair.truncated) == ("hello", "")


def test_equal_scores_are_a_tie_and_cost_no_comparison() -> None:
    judge = ModelJudge(RuleEngine(oracle))
    texts = [completion("hello"), completion("oven")]
    judgments = judge.checklist([(TO, each) for each in texts], HOUSE.principles)
    asked = len(judge.engine.asked)
    pairs, funnel = pairs_and_funnel([TO], texts, judgments, judge=judge, constitution=HOUSE)
    assert (pairs, funnel.no_pair) == ([], {"tie": 1})
    assert len(judge.engine.asked) == asked


def test_a_prompt_with_one_completion_is_undecided() -> None:
    assert made([completion("hello")])[1].no_pair == {"undecided": 1}
    assert made([])[1].no_pair == {"undecided": 1}


def test_a_prompt_whose_draws_failed_is_counted_as_that() -> None:
    judge, other = ModelJudge(RuleEngine(oracle)), prompt("another")
    texts = [completion("hello")]
    judgments = judge.checklist([(TO, each) for each in texts], HOUSE.principles)
    _, funnel = pairs_and_funnel(
        [TO, other],
        texts,
        judgments,
        judge=judge,
        constitution=HOUSE,
        failed={TO.id: 1, other.id: 2},
    )
    assert (funnel.prompts, funnel.failed_draws, funnel.no_pair) == (2, 3, {"draw_failed": 2})


def test_without_judgments_nothing_is_decided() -> None:
    judge = ModelJudge(RuleEngine(oracle))
    texts = [completion("hello"), completion("mix")]
    _, funnel = pairs_and_funnel([TO], texts, [], judge=judge, constitution=HOUSE)
    assert (funnel.judged, funnel.no_pair) == (0, {"transport": 1})


def test_a_prompt_to_which_no_principle_applies_is_undecided() -> None:
    house = constitution(principle("sum", applies_to=("sum",)))
    to = prompt(tags=("personal",))
    texts = [completion("a", to), completion("b", to)]
    judge = ModelJudge(RuleEngine(oracle))
    _, funnel = pairs_and_funnel([to], texts, judge.checklist([(to, each) for each in texts], house.principles),
                           judge=judge, constitution=house)  # fmt: skip
    assert funnel.no_pair == {NoPair.UNDECIDED: 1}


def test_the_critic_is_asked_what_most_likely_speaks_against_the_rejected() -> None:
    critic = engine()
    (pair,), _ = made([completion("hello"), completion("mix")], critic=critic)
    assert pair.critique == "It does not greet."
    (asked,) = critic.asked
    assert "Response:\n```\nmix\n```" in asked
    assert "Rules:\n1. The response says hello." in asked


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_blank_critique_is_none(text: str) -> None:
    (pair,), _ = made([completion("hello"), completion("mix")], critic=engine(text))
    assert pair.critique is None


def test_an_unknown_pairing_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="known: all, best-worst, random, rank"):
        made([completion("hello"), completion("mix")], pairing="worst")


def test_a_judge_without_words_cannot_write_verdicts() -> None:
    judge = RandomJudge(0)
    texts = [completion("hello"), completion("mix")]
    judgments = judge.checklist([(TO, each) for each in texts], HOUSE.principles)
    with pytest.raises(InputError, match="needs a model that reads and writes"):
        pairs_and_funnel(
            [TO], texts, judgments, judge=judge, constitution=HOUSE, plan=PairPlan(then="compare-cot")
        )


def test_chance_makes_pairs_whose_labels_are_chance() -> None:
    prompts = [prompt(f"prompt {number}") for number in range(200)]
    texts = [completion(text, to) for to in prompts for text in ("hello oven because", "mix")]
    judge = RandomJudge(1)
    items = [(to, each) for to in prompts for each in texts if each.prompt_id == to.id]
    judgments = judge.checklist(items, HOUSE.principles)
    pairs, _ = pairs_and_funnel(prompts, texts, judgments, judge=judge, constitution=HOUSE)
    right = sum(pair.chosen[0].content != "mix" for pair in pairs)
    assert len(pairs) > 60
    assert 0.3 < right / len(pairs) < 0.7


def test_a_principle_whose_orders_disagree_is_counted() -> None:
    def placed(text: str, continuations: tuple[str, ...]) -> dict[str, float]:
        if "A" in continuations and "oven" in text.split("Rule:")[1]:
            return {"A": 0.9, "B": 0.1}
        return dict(oracle(text, continuations))

    judge = ModelJudge(RuleEngine(placed))
    texts = [completion("hello because"), completion("mix")]
    judgments = judge.checklist([(TO, each) for each in texts], HOUSE.principles)
    (pair,), funnel = pairs_and_funnel([TO], texts, judgments, judge=judge, constitution=HOUSE)
    assert funnel.compared == {"hello": 1, "because": 1, "oven": 1}
    assert funnel.order_inconsistent == {"because": 0, "hello": 0, "oven": 1}
    assert {each["id"]: each["p"] for each in pair.principles}["oven"] == pytest.approx(0.5)


def test_two_sides_differ_by_yes_and_no_and_by_ratings_alike() -> None:
    judge = ModelJudge(RuleEngine(oracle))
    texts = [completion("hello because"), completion("mix because")]
    said = judge.checklist([(TO, each) for each in texts], HOUSE.principles)
    rated = [replace(each, protocol="score", value=1 + 4 * (each.value or 0.0)) for each in said]
    for judgments in (said, rated):
        _, funnel = pairs_and_funnel([TO], texts, judgments, judge=judge, constitution=HOUSE)
        assert funnel.compared == {"hello": 1, "because": 1, "oven": 1}
        assert funnel.told_apart == {"hello": 1}


def test_the_funnel_says_where_everything_went() -> None:
    _, funnel = made([completion("hello"), completion("mix"), completion("mix")])
    assert (funnel.prompts, funnel.completions, funnel.duplicates, funnel.judged, funnel.kept) == (
        1,
        3,
        1,
        2,
        1,
    )
    assert funnel.as_dict()["unreadable_share"] == 0.0


def test_what_was_said_of_two_is_kept_though_it_makes_no_pair() -> None:
    def first(text: str, continuations: tuple[str, ...]) -> dict[str, float]:
        return {"A": 0.9, "B": 0.1} if "A" in continuations else dict(oracle(text, continuations))

    judge = ModelJudge(RuleEngine(first))
    texts = [completion("hello oven"), completion("mix")]
    judgments = judge.checklist([(TO, each) for each in texts], HOUSE.principles)
    made = make_pairs([TO], texts, judgments, judge=judge, constitution=HOUSE)
    assert (made.pairs, made.funnel.no_pair) == ([], {"inconsistent": 1})
    orders = {each.completion_ids for each in made.comparisons}
    assert orders == {(texts[0].id, texts[1].id), (texts[1].id, texts[0].id)}
    assert len(made.comparisons) == 2 * len(HOUSE.principles)


@pytest.mark.parametrize(
    ("pairing", "count", "weight"), [("all", 3, 1 / 3), ("rank", 2, 1 / 2), ("best-worst", 1, 1.0)]
)
def test_the_pairs_of_a_prompt_share_one_weight(pairing: str, count: int, weight: float) -> None:
    """A prompt with six answers has fifteen twos, and no more of the loss than one with two answers."""
    texts = [completion("hello oven because"), completion("hello"), completion("mix")]
    pairs, _ = made(texts, pairing=pairing)
    assert [each.weight for each in pairs] == pytest.approx([weight] * count)


def test_equal_answers_behind_different_thoughts_are_one_where_the_judge_sees_answers_alone() -> None:
    texts = [replace(completion("hello oven"), thought=thought) for thought in ("a", "b")]
    texts.append(completion("mix"))
    pairs, funnel = made(texts)
    assert (funnel.duplicates, len(pairs)) == (1, 1)
    assert pairs[0].chosen[0].thought == "a"
    _, funnel = made(texts, judge_sees="all")
    assert funnel.duplicates == 0
    # of one text alone there is no pair, and the reason is that it came twice
    _, funnel = made(texts[:2])
    assert funnel.no_pair == {NoPair.DUPLICATE: 1}


@pytest.mark.parametrize("truncated", ["drop", "reject"])
def test_a_thought_that_never_ended_is_truncated_and_never_a_side(truncated: Any) -> None:
    ended = [completion("hello oven"), completion("mix")]
    for finish in ("length", "stop"):
        open_one = replace(completion(""), thought="hm", open_thought=True, finish=finish)
        _, funnel = made([*ended, open_one], truncated=truncated)
        assert (funnel.truncated, funnel.duplicates, funnel.kept) == (1, 0, 1)
        _, funnel = made([ended[0], open_one], truncated=truncated)
        assert funnel.no_pair == {NoPair.TRUNCATED: 1}
