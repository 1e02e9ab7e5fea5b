from __future__ import annotations

import pytest

from rlaif.records import Completion, Message, Prompt
from rlaif.workflows.lab.table.accuracy import _pairs, _truth
from rlaif.workflows.lab.table.world import AnswerWithGold, by_prompt, won
from tests.judging.builders import constitution, principle

ONE, OTHER = (Prompt(messages=(Message(role="user", content=text),)) for text in ("one", "other"))


def answered(prompt: Prompt, text: str, gold: float) -> AnswerWithGold:
    return AnswerWithGold(prompt, Completion(prompt_id=prompt.id, text=text, policy=""), gold)


def test_gold_is_the_mean_of_a_prompts_answers() -> None:
    found = by_prompt([answered(ONE, "a", 0.2), answered(ONE, "b", 0.6), answered(OTHER, "c", 1.0)])
    assert found == {ONE.id: pytest.approx(0.4), OTHER.id: 1.0}


def test_an_answer_wins_against_each_of_the_starts_and_equal_ones_count_half() -> None:
    start = [answered(ONE, "a", 0.2), answered(ONE, "b", 0.6)]
    assert won([answered(ONE, "c", 0.6)], start) == {ONE.id: pytest.approx(0.75)}
    assert won([answered(OTHER, "c", 0.6)], start) == {}


def test_of_wholes_all_pairs_are_asked_that_gold_distinguishes_else_two_different_answers() -> None:
    own = [answered(ONE, "a", 0.2), answered(ONE, "a", 0.2), answered(ONE, "b", 0.2), answered(ONE, "c", 0.9)]
    assert [(one.said.text, other.said.text) for one, other in _pairs(own, True)] == [("a", "c"), ("b", "c")]
    assert [(one.said.text, other.said.text) for one, other in _pairs(own, False)] == [("a", "b")]


def test_the_truth_of_a_pair_is_turned_for_the_other_order() -> None:
    one, other = answered(ONE, "a", 0.2), answered(ONE, "b", 0.9)
    found = _truth([(one, other)], constitution(principle("greet")))
    assert found[one.said.id, other.said.id, None] is False
    assert found[other.said.id, one.said.id, None] is True
