"""A rubric is read in the form that was asked for, or not at all."""

from __future__ import annotations

import pytest

from rlaif.judging.rubric_text import MOST, merged, read_rubric, rubric_lines
from rlaif.records import RubricCriterion

WHOLE = "5 hard: It is in French.\n3: It names the capital.\n-2.5: It is rude."


def test_a_rubric_is_read_line_by_line_and_written_back() -> None:
    found = read_rubric(WHOLE, "prompt")
    assert [(each.id, each.weight, each.hard, each.text) for each in found.criteria] == [
        ("c1", 5.0, True, "It is in French."),
        ("c2", 3.0, False, "It names the capital."),
        ("c3", -2.5, False, "It is rude."),
    ]
    assert {each.source for each in found.criteria} == {"prompt"}
    assert rubric_lines(found.criteria) == WHOLE
    assert read_rubric(rubric_lines(found.criteria), "prompt") == found


@pytest.mark.parametrize(
    "dressed",
    [
        "- 5 hard: It is in French.\n- 3: It names the capital.\n- -2.5: It is rude.",
        "1. **5 hard**: It is in French.\n2. **3**: It names the capital.\n3. **−2.5**: It is rude.",
        "```\n" + WHOLE + "\n```",
        "\n" + WHOLE.replace("\n", "\n\n") + "\n",
    ],
)
def test_the_dress_of_a_list_says_nothing(dressed: str) -> None:
    assert read_rubric(dressed, "") == read_rubric(WHOLE, "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("The response names the capital.", "no weight"),
        ("Sure, here it is:\n" + WHOLE, "no weight"),
        (WHOLE + "\nI hope this helps!", "no weight"),
        ("0: It is long.", "a weight is 0"),
        ("9: It is long.", "a weight is 9"),
        ("3:", "no weight"),
        ("\n".join(f"1: It has {each}." for each in range(MOST + 1)), "lines"),
        ("3: It is rude.\n-3: It is rude", "a merit in one line and a fault"),
    ],
)
def test_what_is_no_rubric_gives_no_criterion(text: str, problem: str) -> None:
    found = read_rubric(text, "")
    assert found.criteria == ()
    assert problem in found.problem


def test_a_refusal_is_told_from_another_text() -> None:
    assert read_rubric("I'm sorry, I can't help with that.", "").refused
    assert not read_rubric("The capital.", "").refused


def test_criteria_that_say_the_same_are_one_of_the_greater_weight_and_hard_where_one_is() -> None:
    found = read_rubric("2 hard: It names it.\n4: it names it\n1: It is short.", "")
    assert [(each.text, each.weight, each.hard) for each in found.criteria] == [
        ("it names it", 4.0, True),
        ("It is short.", 1.0, False),
    ]
    assert found.merged == 1


def test_ids_that_are_there_stay() -> None:
    kept = merged(
        [
            RubricCriterion(id="c2", text="one"),
            RubricCriterion(id="", text="two"),
            RubricCriterion(id="", text="three"),
        ]
    )
    assert [each.id for each in kept] == ["c2", "c1", "c3"]
