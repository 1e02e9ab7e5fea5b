"""What is judged one by one: each different completion that has an answer."""

from __future__ import annotations

from rlaif.judging import ModelJudge
from rlaif.judging.pointwise import judge_pointwise

from .builders import RuleEngine, completion, constitution, principle, prompt


def test_an_answer_that_never_came_is_not_judged() -> None:
    engine = RuleEngine(lambda *_: {"yes": 0.9, "no": 0.1})
    whole, cut = completion("a"), completion("b", finish="length")
    still_thinking = completion("", thought="Hm", open_thought=True)
    thought = completion("c", thought="Hm")
    drawn = [(prompt(), each) for each in (whole, cut, still_thinking, thought, whole)]
    found = judge_pointwise(ModelJudge(engine), constitution(principle("short")), drawn)
    assert [each.completion_ids for each in found] == [(whole.id,), (thought.id,)]
