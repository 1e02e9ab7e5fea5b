"""Final answers as people and models write them, and what is none."""

from __future__ import annotations

from fractions import Fraction

import pytest

from rlaif.judging.final_answers import agrees, announced, number

RIGHT: list[tuple[str, object]] = [
    ("The answer is 18.", 18),
    ("It is 18. For example, my aunt does so.", 18),
    ("13 plus 5 is 18. Good luck.", "18"),
    ("5 - 3 = 2", 2),
    ("The answer is 18 apples. Before, it was 20.", 18),
    (r"Therefore it is \boxed{\frac{1}{2}}.", 0.5),
    (r"\boxed{x} is wrong. \boxed{7}", 7),
    ("She has left:\n#### 1,234", "1234"),
    ("answer is 3/4", "0.75"),
    ("$12.50", 12.5),
    ("The answer is -3.", -3),
    ("The answer is −3.", -3),
    ("**Answer:** 7", 7),
    ("It makes 50%", "50"),
    ("x 7", "First 3, then 4.\n#### 7"),
    ("7", [6, 7]),
    ("Answer: B", "B"),
    ("I think the answer is (b).", "B"),
    ("B", "B"),
    ("The capital is\nParis.", "Paris"),
]
WRONG: list[tuple[str, object]] = [
    ("13 plus 5 is 19.", 18),
    ("The answer is 19. 13 plus 5 is 18.", 18),
    ("The answer is 18. Or no: the answer is 19.", 18),
    ("The answer is 18.5", 18),
    ("No idea.", 18),
    ("", 18),
    ("", "B"),
    ("It is 18.", "eighteen"),
    ("2026-08-01", 1),
    ("The answer is A", "B"),
    ("A or B", "B"),
    ("18", []),
    (r"\boxed{18", 17),
    ("v1.18", 18),
]


@pytest.mark.parametrize(("text", "known"), RIGHT)
def test_the_final_answer_is_the_known_one(text: str, known: object) -> None:
    assert agrees(text, known)


@pytest.mark.parametrize(("text", "known"), WRONG)
def test_another_answer_or_none_is_not_the_known_one(text: str, known: object) -> None:
    assert not agrees(text, known)


def test_the_last_announcement_counts_whatever_its_form() -> None:
    assert announced(r"The answer is 1. \boxed{2}") == "2"
    assert announced(r"\boxed{2}" + "\n#### 3") == "3"
    assert announced("It is 4.") is None
    assert announced(r"\boxed{}") is None
    assert announced(r"\boxed{\{1\}}") == r"\{1\}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", Fraction(7)),
        ("$1,000.50", Fraction(2001, 2)),
        (r"\frac{1}{3}", Fraction(1, 3)),
        ("1/0", None),
        ("7 apples", None),
        ("B", None),
        ("1 2", None),
    ],
)
def test_a_number_is_one_number_and_nothing_else(text: str, value: Fraction | None) -> None:
    assert number(text) == value
