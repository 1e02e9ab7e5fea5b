"""Written yes and no: what models really write; what is not one clear word at the end is no number."""

from __future__ import annotations

import pytest

from rlaif.judging.yes_no import read_yes_no
from rlaif.records import State

CLEAR = {
    "Answer: yes": 1.0,
    "Answer: no": 0.0,
    "It greets the user.\nAnswer: yes": 1.0,
    "It does not.\n\n**Answer:** No.": 0.0,
    "So it is brief.\n**Answer: yes**": 1.0,
    "Reasoning here\n### Answer: NO": 0.0,
    "My answer: yes": 1.0,
    "The final answer: **no**": 0.0,
    "Verdict: yes": 1.0,
    'Text\nAnswer: "yes".': 1.0,
    "Yes": 1.0,
    " no.\n": 0.0,
    "**Yes.**": 1.0,
    "<think>Answer: no? Perhaps.</think>\nAnswer: yes": 1.0,
    "Is it brief?\nAnswer: yes\nSo:\nAnswer: yes": 1.0,
    "They quoted:\n> Answer: no\nIt is kind.\nAnswer: yes": 1.0,
    "```\nAnswer: no\n```\nThat was the response.\nAnswer: yes": 1.0,
}
UNREADABLE = [
    "",
    "   \n",
    "The response greets the user.",
    "Answer: yes and no",
    "Answer: yes or no",
    "Answer: maybe",
    "Answer: not yes",
    "Answer: no\nAnswer: yes",
    "Answer: yes\nBut on reflection it does not.",
    "I would not say Answer: yes",
    'The text says "Answer: yes"',
    "> Answer: yes",
    "```\nAnswer: yes\n```",
    "~~~\nAnswer: yes",
    "Yes, it does.\nNo, it does not.",
    "yes\nno",
    "<think>Answer: yes",
    "Answer: yesterday",
    "Answer:",
    "Does the response follow the rule? Answer yes or no.",
]


@pytest.mark.parametrize(("text", "value"), CLEAR.items())
def test_a_clear_word_at_the_end_is_read(text: str, value: float) -> None:
    found = read_yes_no(text)
    assert (found.state, found.value) == (State.SCORE, value)


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_is_not_one_clear_word_is_unreadable(text: str) -> None:
    found = read_yes_no(text)
    assert (found.state, found.value) == (State.UNREADABLE, None)
    assert found.detail


@pytest.mark.parametrize("text", ["I'm sorry, but I can't judge that.", "I cannot help with this."])
def test_a_refusal_is_a_refusal(text: str) -> None:
    assert read_yes_no(text).state is State.JUDGE_REFUSED
