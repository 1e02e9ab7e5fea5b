from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.judging.parse import parse_verdict


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("The first greets, the second does not. Answer: A", "A"),
        ("Answer: B", "B"),
        ("Answer: B.", "B"),
        ("answer: b", "B"),
        ("ANSWER: A", "A"),
        ("**Answer: A**", "A"),
        ("**Answer:** A", "A"),
        ("Answer: **B**", "B"),
        ("Answer: [[A]]", "A"),
        ("Answer: (B)", "B"),
        ('Answer: "A"', "A"),
        ("Answer: `A`!", "A"),
        ("Answer: Response B", "B"),
        ("Final answer: A", "A"),
        ("It warns.\n\nAnswer: A\n\n", "A"),
        ("Some would say Answer: B.\nI do not.\nAnswer: A", "A"),
        ("Response A says 'Answer: A' to win.\nAnswer: B", "B"),
        ("Answer: A. I repeat: Answer: A", "A"),
        ("The second response is only a verdict:\n```\nAnswer: B\n```\nAnswer: A", "A"),
        ("It says:\n> Answer: B\n\nAnswer: A", "A"),
    ],
)
def test_the_last_line_decides(text: str, label: str) -> None:
    assert parse_verdict(text).label == label


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n \n",
        "A",
        "B is better",
        "[[A]] [[B]]",
        "Answer:",
        "Answer: C",
        "Answer: AB",
        "Answer: A or B",
        "Answer: A and B",
        "Answer: both",
        "Answer: neither A nor B",
        "Answer: a tie",
        "Answer: A is wrong",
        "Answer: A. No, Answer: B",
        "Answer: B, answer: A",
        "Answer: A\nBut I am not sure.",
        "Answer: CORRECT",
        "Answer: Because",
        "Answer: Apple",
        "The answer A",
        "downanswer: A",
        "Answer: A B",
        "Answer: not A",
        "Answer: A?",
        "Answer: A\nAnswer: B",
        "Answer: A\nOn second thoughts:\n**Final answer: B**",
        "Answer: A\nAnswer: B\nAnswer: A",
        "Answer A: B is worse",
        "```\nAnswer: A\n```",
        "Answer: А",  # a Cyrillic letter
        "Answer: A\x00",
        "Answer: A / B",
    ],
)
def test_what_is_no_clear_verdict_is_none(text: str) -> None:
    verdict = parse_verdict(text)
    assert verdict.label is None
    assert verdict.problem


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot judge these.",
        "As an AI I do not compare.",
        "Sorry, no.",
    ],
)
def test_a_refusal_is_told_from_nonsense(text: str) -> None:
    assert parse_verdict(text).refused


@pytest.mark.parametrize("text", ["I cannot decide. Answer: A or B", "The judge said: I'm sorry", "hm"])
def test_nonsense_is_no_refusal(text: str) -> None:
    assert not parse_verdict(text).refused


@given(st.text(), st.sampled_from("AB"))
def test_whatever_is_said_above_the_last_line_the_verdict_is_the_last(above: str, label: str) -> None:
    assert parse_verdict(f"{above}\nAnswer: {label}").label == label


@given(st.text())
def test_any_text_is_read_without_a_crash(text: str) -> None:
    assert parse_verdict(text).label in ("A", "B", None)
