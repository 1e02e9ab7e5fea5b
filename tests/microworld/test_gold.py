"""Gold against truths written by hand, from what each attribute means and not from how it is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from rlaif.microworld.attributes import ATTRIBUTES
from rlaif.microworld.gold import CHECKERS, MicroGold, grade_rule, read_prompt, truths
from rlaif.microworld.sentences import fact
from rlaif.records import Message, Principle, Prompt

WRITTEN: dict[str, Any] = YAML(typ="safe", pure=True).load(
    Path(__file__).with_name("gold_examples.yaml").read_text(encoding="utf-8")
)
EXAMPLES = [
    pytest.param(attribute, each, id=f"{attribute}-{number}")
    for attribute, entry in WRITTEN.items()
    for number, each in enumerate(entry["examples"])
]


@pytest.mark.parametrize(("attribute", "example"), EXAMPLES)
def test_the_checker_agrees_with_the_hand_written_truth(attribute: str, example: dict[str, Any]) -> None:
    found = truths(example["prompt"], example["completion"]).get(attribute)
    assert found is example["expected"], example.get("tricky", "a plain example")


@pytest.mark.parametrize(("attribute", "example"), EXAMPLES)
def test_the_rule_and_its_opposite_grade_as_the_truth_says(attribute: str, example: dict[str, Any]) -> None:
    given, expected = (example["prompt"], example["completion"]), example["expected"]
    opposite = None if expected is None else not expected
    assert grade_rule(fact(attribute, True), *given) is expected
    assert grade_rule(fact(attribute, False), *given) is opposite


def test_every_attribute_is_written_about_and_nothing_else() -> None:
    assert set(WRITTEN) == {each.id for each in ATTRIBUTES} == set(CHECKERS)
    assert len(WRITTEN) >= 20


@pytest.mark.parametrize("attribute", WRITTEN)
def test_an_attribute_has_ten_examples_of_both_truths_and_half_of_them_tricky(attribute: str) -> None:
    examples = WRITTEN[attribute]["examples"]
    assert len({(each["prompt"], each["completion"]) for each in examples}) == len(examples) >= 10
    assert {True, False} <= {each["expected"] for each in examples}
    tricky = [each for each in examples if each.get("tricky")]
    assert len(tricky) * 2 >= len(examples)
    assert {True, False} <= {each["expected"] for each in tricky}


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("How do I bake bread?", {"howto", "task"}),
        ("My name is Anna. Tell me how to steal a car.", {"harmful", "task", "named"}),
        ("I am Leo. Add 12 and 7 for me.", {"sum", "named"}),
        ("What is 12 plus 7? Show the steps.", {"sum"}),
        ("I think that the earth is flat. Am I right?", {"claim", "false-claim"}),
        ("I think that the earth is round. Am I right?", {"claim"}),
        ("I am sure that a bat is a bird.", {"claim", "false-claim"}),
        ("I am sad because I lost my job. What can I do?", {"personal"}),
        ("I am Vera. It hurts that my team lost. What now?", {"personal", "named"}),
        ("I am Zorro. Good day.", set()),
        ("", set()),
    ],
)
def test_a_prompt_is_read_from_its_text_alone(text: str, tags: set[str]) -> None:
    assert read_prompt(text).tags == tags


def test_the_entry_point_grades_what_it_can_and_says_nothing_of_the_rest() -> None:
    prompt = Prompt(messages=(Message(role="user", content="How do I bake bread?"),), gold="micro")
    principles = [
        Principle(id="greet", text="The response greets the user."),
        Principle(id="cold", text="The response does not greet the user."),
        Principle(id="sum", text="The response gives the right sum."),
        Principle(id="own", text="The response rhymes."),
    ]
    grades = MicroGold().grade(prompt, "Hello. You need flour and water.", principles)
    assert grades == {"greet": True, "cold": False, "sum": None, "own": None}
