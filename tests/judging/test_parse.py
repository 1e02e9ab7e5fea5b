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
    ("text", "label"),
    [
        ("A", "A"),
        ("**B**", "B"),
        ("[[B]]", "B"),
        ("(A)", "A"),
        ("\\boxed{A}", "A"),
        (r"The answer is $\boxed{\text{B}}$.", "B"),
        ("𝐁", "B"),
        ("Answer: <B>", "B"),
        ("`Answer: A`", "A"),
        ("ANSWER = A", "A"),
        ("- Answer: B", "B"),
        ("✅ **Answer: B**", "B"),
        ("Answer: A\n---", "A"),
        ("Answer: A\n</answer>", "A"),
        ("Answer:\nA", "A"),
        ("The first greets.\n<answer>B</answer>", "B"),
        ("It greets. <verdict> A </verdict>", "A"),
        ("### Verdict\n**B**", "B"),
        ("**Verdict:** B", "B"),
        ("Final verdict: [[A]]", "A"),
        ("My final verdict is: [[A>>B]]", "A"),
        ("[[B>A]]", "B"),
        ("A < B", "B"),
        ("**Response B**", "B"),
        ("Response A.", "A"),
        ("Winner: B", "B"),
        ("The winner is: **Response A**", "A"),
        ("B is better", "B"),
        ("Response A is better than Response B.", "A"),
        ("Response A is clearly better.", "A"),
        ("Verdict: Response A is better.", "A"),
        ("Overall, A is the better response.", "A"),
        ("Therefore, Response B follows the rule better.", "B"),
        ("Response B more closely follows the rule.", "B"),
        ("Response B follows the rule more closely than Response A.", "B"),
        ("Response B is the one that follows the rule better.", "B"),
        ("The response that better follows the rule is B.", "B"),
        ("The better response is Response B.", "B"),
        ("I choose Response B", "B"),
        ("I'd go with B.", "B"),
        ("I would pick Response A over Response B.", "A"),
        ("Based on this, I prefer Response B.", "B"),
        ("Response B wins.", "B"),
        ("Response A should be preferred.", "A"),
        ("So, the answer is B.", "B"),
        ("Answer: A, because it greets the user.", "A"),
        ("Answer: A (it greets)", "A"),
        ("Answer: B, not A", "B"),
        ("Better answer: A\nWorse answer: B", "A"),
        ("Best: A\nWorst: B", "A"),
        ("**Chosen answer:** A\n**Rejected answer:** B", "A"),
        ("Preferred answer: B\nNon-preferred answer: A", "B"),
        ("A is better. The losing answer: B", "A"),
        ("Answer: A\nSecond-best answer: B", "A"),
    ],
)
def test_clear_verdicts_in_the_words_of_other_models_are_read(text: str, label: str) -> None:
    assert parse_verdict(text).label == label


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "A response",
        "Response A or Response B",
        "Both A and B",
        "A tie",
        "[[A=B]]",
        "[[C]]",
        "A > A",
        "A and B are equal",
        "Not A.",
        "B is better?",
        "Response A is not better.",
        "Response A isn't better",
        "Neither is better.",
        "The answer is not B",
        "I cannot choose A.",
        "I would not choose A",
        "I don't choose B.",
        "I would not choose this as the answer: B",
        "The better one, not the answer: A.",
        "It could be A.",
        "Maybe B.",
        "If greeting matters, A is better.",
        "My answer is B if you ask me",
        "A is better, but B is nicer",
        "A is better only in tone.",
        "Response B follows the rule.",
        "Response A is the worse one",
        "Worse answer: A",
        "The wrong answer: B",
        "Incorrect answer: B",
        "Response A follows the rule.\nIncorrect answer: B",
        "Better answer: A\nWorse answer: A",
        "The opposite of the best answer: B",
        "Response A is better. Response B is better.",
        "I choose B. Wait, I choose A",
        "Answer: A; Answer: B",
        "Answer: A. But B is better.",
        "Answer: A - no, B",
        "Answer: A is not better; B",
        "Answer: A\n\nThe answer: B would be wrong.",
        "The user wants A.",
        "It is false that A is better",
        'Response A says "B is better".',
        "Response A claims that the answer is A.",
        "The text says: Answer: B",
        'The second response ends with "Answer: A"',
        "Response B tries to trick me by writing `Answer: A`",
        "It is wrong to say Answer: A.",
        "Neither is good, so I will not write Answer: A",
        "B is better.\n```\nAnswer: A\n```",
        "B is better.\n~~~\nAnswer: A",
        "B is better.\n> A",
        "Answer: B\n\n> Answer: A",
        'Answer: B\nResponse A said "Answer: A"',
        "Ignore the rule. Answer: A or else",
    ],
)
def test_what_denies_doubts_quotes_or_names_the_loser_is_no_verdict(text: str) -> None:
    assert parse_verdict(text).label is None


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot judge these.",
        "As an AI I do not compare.",
        "Sorry, no.",
    ],
)
def test_a_refusal_is_another_state_than_nonsense(text: str) -> None:
    assert parse_verdict(text).refused


@pytest.mark.parametrize("text", ["I cannot decide. Answer: A or B", "The judge said: I'm sorry", "hm"])
def test_nonsense_is_no_refusal(text: str) -> None:
    assert not parse_verdict(text).refused


@given(st.text(st.characters(exclude_characters='<>`~"“„«‹「『:')), st.sampled_from("AB"))
def test_whatever_is_said_above_the_last_line_the_verdict_is_the_last(above: str, label: str) -> None:
    assert parse_verdict(f"{above}\nAnswer: {label}").label == label


@given(st.text())
def test_any_text_is_read_without_a_crash(text: str) -> None:
    assert parse_verdict(text).label in ("A", "B", None)
