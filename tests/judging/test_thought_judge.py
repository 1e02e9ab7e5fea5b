"""The form of a thinking model's text: a thought that ended, and an answer behind it."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.judging.kinds import judge_kind
from rlaif.judging.thought_judge import JUDGE_KIND, ThoughtJudge
from rlaif.records import State

from .builders import completion, prompt


@pytest.mark.parametrize(
    ("text", "given", "value"),
    [
        ("It is 5.", {"thought": "2 plus 3."}, 1.0),
        ("It is 5.", {}, 0.0),
        ("It is 5.", {"thought": " \n"}, 0.0),
        (" ", {"thought": "2 plus 3."}, 0.0),
        ("", {"thought": "2 plus 3.", "open_thought": True}, 0.0),
    ],
)
def test_only_a_thought_before_an_answer_has_the_form(text: str, given: dict[str, Any], value: float) -> None:
    (found,) = ThoughtJudge().checklist([(prompt(), completion(text, **given))], [])
    assert (found.state, found.value) == (State.SCORE, value)


def test_its_name_is_a_word_and_a_colon() -> None:
    assert judge_kind("thought:") is JUDGE_KIND
    assert judge_kind("thought") is not JUDGE_KIND
