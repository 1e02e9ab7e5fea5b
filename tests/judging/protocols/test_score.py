"""`score`: the expected rating, read from the probabilities of five numbers."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from rlaif.judging import ModelJudge
from rlaif.judging.protocols import Asking, pointwise
from rlaif.records import Judgment, State
from tests.judging.builders import RuleEngine, completion, principle, prompt


def rated(probabilities: Mapping[str, float]) -> Judgment:
    judge = ModelJudge(RuleEngine(lambda *_: probabilities))
    [found] = pointwise("score").ask(judge, [(prompt(), completion("x"))], [principle("brief")], Asking())
    return found


@pytest.mark.parametrize(
    ("probabilities", "rating"),
    [({"5": 1.0}, 5.0), ({"1": 0.5, " 5": 0.5}, 3.0), ({"2": 0.3, "4": 0.6}, 10 / 3)],
)
def test_the_rating_is_the_mean_of_the_numbers_by_their_probability(
    probabilities: Mapping[str, float], rating: float
) -> None:
    assert rated(probabilities).state is State.SCORE
    assert rated(probabilities).value == pytest.approx(rating)


def test_a_judge_that_wants_to_say_something_else_is_unreadable() -> None:
    assert rated({"5": 0.4, "Well": 0.6}).state is State.UNREADABLE
    assert rated({"5": 0.4, "Well": 0.6}).value is None
