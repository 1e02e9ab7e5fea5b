"""A classifier as judge: what its source is, and how two answers compare."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import pytest

from rlaif.judging.nli_judge import NliJudge, source_of
from rlaif.records import Score, ScoreRequest, State

from .builders import RuleEngine, completion, principle, prompt

CHANCES = {"It is 5.": 0.8, "It is 6.": 0.2}


class Classifier(RuleEngine):
    """Says how probably each answer follows, by a table; of others nothing."""

    def __init__(self) -> None:
        super().__init__(lambda *_: {})
        self.sources: list[str] = []

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        for each in requests:
            self.sources.append(each.messages[0].content)
            p = CHANCES.get(each.continuations[0])
            known = () if p is None else (math.log(p),)
            yield Score(request_id=each.id, logprobs=known, error=None if p else "does not fit")


def test_the_source_is_the_column_of_the_prompts_row_and_else_the_prompt() -> None:
    assert source_of(prompt("What is it?", meta={"source": "Two plus three."})) == "Two plus three."
    assert source_of(prompt("What is it?", meta={"source": " "})) == "What is it?"
    engine = Classifier()
    NliJudge(engine).checklist([(prompt("What is it?", meta={"source": "S"}), completion("It is 5."))], [])
    assert engine.sources == ["S"]


def test_the_reward_is_the_log_probability_that_the_answer_follows() -> None:
    items = [(prompt(), completion(text)) for text in CHANCES]
    found = NliJudge(Classifier()).checklist(items, [principle("greet")])
    assert [each.value for each in found] == [pytest.approx(math.log(p)) for p in CHANCES.values()]
    assert {(each.principle_id, each.state) for each in found} == {(None, State.SCORE)}


def test_of_two_answers_the_chances_are_shared_out() -> None:
    one, other = (completion(text) for text in CHANCES)
    found = NliJudge(Classifier()).compare([(prompt(), one, other)], [])
    # sigmoid(log .8 - log .2) = .8 / (.8 + .2)
    assert [each.value for each in found] == [pytest.approx(0.8), pytest.approx(0.2)]


def test_an_answer_that_could_not_be_classified_has_no_reward() -> None:
    [found] = NliJudge(Classifier()).checklist([(prompt(), completion("Else."))], [])
    assert (found.state, found.value) == (State.TRANSPORT, None)
