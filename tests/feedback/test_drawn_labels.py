"""Pairs by drawn principles: one question in both orders for each two, its label clamped where that is wanted."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from rlaif.feedback import PairPlan, make_pairs
from rlaif.judging import ModelJudge
from rlaif.records import Prompt
from tests.judging.builders import RuleEngine, completion, constitution, judged, principle, prompt

RULES = [principle(name, f"say {name}") for name in ("one", "two", "three")]
HOUSE = constitution(*RULES, principle("poems", "say poems", applies_to=("poem",)))
SURE = 0.9


def engine() -> RuleEngine:
    """Prefers, by whichever rule, the response that says `good`."""

    def answer(text, labels):
        first = text.index("good") < text.index("bad")
        p = SURE if first else 1 - SURE
        return dict(
            zip(
                labels,
                (p, 1 - p) if len(labels) == 2 else (p / 2, p / 2, (1 - p) / 2, (1 - p) / 2),
                strict=True,
            )
        )

    return RuleEngine(answer)


ASKED = [prompt(f"question {n}", tags=("sum",)) for n in range(60)]


def made(house=HOUSE, judgments=(), asked: list[Prompt] = ASKED, **given):
    own = engine()
    texts = [completion(word, each, draw=n) for each in asked for n, word in enumerate(("good", "bad"))]
    plan = PairPlan(pairing="random", **given)
    paired = make_pairs(asked, texts, list(judgments), judge=ModelJudge(own), constitution=house, plan=plan)
    return paired.pairs, own.asked


def test_each_two_are_compared_by_one_principle_drawn_anew_of_those_that_apply() -> None:
    pairs, asked = made(choice="drawn")
    assert len(pairs) == len(ASKED)
    assert len(asked) == 2 * len(ASKED)
    counts = Counter(each["id"] for pair in pairs for each in pair.principles)
    assert set(counts) == {"one", "two", "three"}
    assert min(counts.values()) >= 10
    assert all(pair.label_prob == pytest.approx(SURE) for pair in pairs)
    assert {pair.chosen[0].content for pair in pairs} == {"good"}


def test_the_draw_depends_on_the_seed_and_on_nothing_else() -> None:
    def drawn(**given):
        return [pair.principles[0]["id"] for pair in made(choice="drawn", **given)[0]]

    assert drawn() == drawn()
    assert drawn() != drawn(seed=1)
    assert drawn()[:20] == [pair.principles[0]["id"] for pair in made(choice="drawn", asked=ASKED[:20])[0]]


def test_an_ensemble_of_drawn_principles_is_one_label_of_all_their_votes() -> None:
    pairs, asked = made(choice="drawn", draws=2)
    assert len(asked) == 4 * len(ASKED)
    # two votes of .9: their log-odds add up
    odds = 2 * math.log(SURE / (1 - SURE))
    assert pairs[0].label_prob == pytest.approx(1 / (1 + math.exp(-odds)))
    assert {len({each["id"] for each in pair.principles}) for pair in pairs} == {2}


def test_named_principles_are_the_only_ones_that_are_drawn() -> None:
    pairs, _ = made(choice=("two",))
    assert {each["id"] for pair in pairs for each in pair.principles} == {"two"}


def test_a_clamped_label_keeps_its_side_and_what_the_judge_said() -> None:
    pairs, _ = made(choice="drawn", clamp=0.6)
    assert {pair.label_prob for pair in pairs} == {0.6}
    assert {pair.chosen[0].content for pair in pairs} == {"good"}
    assert pairs[0].principles[0]["p"] == pytest.approx(SURE)
    unsure = made(choice="drawn", clamp=0.95)[0]
    assert unsure[0].label_prob == pytest.approx(SURE)


def test_without_options_nothing_is_other_than_it_was() -> None:
    pairs, asked = made()
    assert len(asked) == 2 * 3 * len(ASKED)
    assert {len(pair.principles) for pair in pairs} == {3}


def test_what_violates_a_hard_principle_loses_whichever_is_drawn() -> None:
    hard = constitution(*RULES, principle("safe", "be safe", hard=True))
    judgments = [
        judged((completion(word, each).id,), name, value, to=each)
        for each in ASKED
        for word, value in (("good", 0.1), ("bad", 0.9))
        for name in ("one", "two", "three", "safe")
    ]
    pairs, _ = made(hard, judgments, choice="drawn")
    assert {pair.chosen[0].content for pair in pairs} == {"bad"}
    assert len(pairs) == len(ASKED)
