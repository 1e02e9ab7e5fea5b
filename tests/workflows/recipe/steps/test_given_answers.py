"""The step `given-answers`: answers of the prompts' rows become examples, thoughts apart; what is none is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.engines.thoughts import ThoughtMarks
from rlaif.errors import RecipeError
from rlaif.exchange.examples import read_examples
from rlaif.records import Message, Prompt
from rlaif.workflows.recipe.run import run
from rlaif.workflows.recipe.steps.given_answers import GivenAnswersSettings, shown_answers

from .conftest import Prepare


def asked(**meta: Any) -> Prompt:
    return Prompt(messages=(Message(role="user", content="What is 2 plus 2?"),), meta=meta)


def last(prompt: Prompt, marks: ThoughtMarks | None = None, **settings: Any) -> Message:
    (found,) = shown_answers([prompt], GivenAnswersSettings(**settings), marks).examples
    assert found.learned == 1
    return found.messages[-1]


@pytest.mark.parametrize(
    ("answer", "thought", "content"),
    [
        ("It is 4.", "", "It is 4."),
        ("<think>\n2 and 2.\n</think>\n\nIt is 4.\n", "2 and 2.", "It is 4."),
        ([{"role": "assistant", "content": "It is 4.", "thought": "2 and 2."}], "2 and 2.", "It is 4."),
    ],
)
def test_a_thought_is_told_apart_from_its_answer(answer: Any, thought: str, content: str) -> None:
    said = last(asked(answer=answer))
    assert (said.role, said.thought, said.content) == ("assistant", thought, content)


def test_marks_that_are_named_for_the_role_count() -> None:
    said = last(asked(answer="Rule: be brief. Response: It is 4."), ThoughtMarks("Rule:", "Response:"))
    assert (said.thought, said.content) == ("be brief.", "It is 4.")


def test_thoughts_can_be_dropped_and_the_column_named() -> None:
    said = last(asked(given="<think>\nx\n</think>\n\nIt is 4."), answer="given", thoughts="drop")
    assert (said.thought, said.content) == ("", "It is 4.")


def test_who_has_no_answer_is_counted_and_not_learned() -> None:
    rows = [asked(), asked(answer=" "), asked(answer=None), asked(answer="<think>\n2 and"), asked(answer="4")]
    found = shown_answers(rows, GivenAnswersSettings())
    assert len(found.examples) == 1
    assert found.left_out == {"no answer": 3, "the thought never ends": 1}


def rows(path: Path, *answers: str) -> Path:
    path.write_text(
        "".join(json.dumps({"prompt": f"What is {n}?", "answer": a}) + "\n" for n, a in enumerate(answers))
    )
    return path


def test_in_a_recipe_other_answers_to_the_same_prompts_are_other_examples(
    tmp_path: Path, prepare: Prepare
) -> None:
    """The answers are no part of what a prompt is, and are a part of the step's key."""
    path = tmp_path / "shown.jsonl"
    for answer in ("4", "5"):
        rows(path, answer, "<think>\nwell\n</think>\n\n6")
        done = run(prepare("step: given-answers, of: shown", sets=f"shown: {path}"))
        found = read_examples(done.run / "round-1" / "given-answers.jsonl")
        assert [each.messages[-1].content for each in found] == [answer, "6"]
        assert done.rounds[-1]["given_answers"] == {"examples": 2, "thoughts": 1, "left_out": {}}


def test_a_set_without_such_a_column_is_refused_with_the_line(prepare: Prepare) -> None:
    with pytest.raises(
        RecipeError, match=r"steps.yaml:7: .*no row of 'train' has an answer in a column 'answer'"
    ):
        prepare("step: given-answers")
