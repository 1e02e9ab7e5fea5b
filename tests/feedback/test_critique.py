"""A critique may say that nothing is wrong: then there is nothing to revise."""

from __future__ import annotations

import pytest

from rlaif.feedback.critique import names_no_violation
from rlaif.microworld.single_skills import NO_FAULT


@pytest.mark.parametrize(
    "text",
    [
        NO_FAULT,
        "The response breaks no rule.",
        "the response breaks none of the rules",
        "The response does not break any of the rules.",
        "The answer does not violate the principle.",
        "This response follows all of the rules!",
        "No violation.",
        "There is no violation here.",
        "**No rule is broken.**",
        "Nothing is wrong with the response.",
        "No critique is needed.",
        "It greets, it is brief.\n\nCritique: The response breaks no rule.",
        "So the response breaks no rule.",
    ],
)
def test_a_critique_that_ends_in_saying_so_names_no_violation(text: str) -> None:
    assert names_no_violation(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The response does not greet the user.",
        "The response breaks no rule but the second.",
        "The response follows the first rule.",
        "The response breaks no rule. It insults the user, though.",
        "The response breaks no rule.\nStill it insults the user.",
        "It breaks rule 1: it says that no rule is broken.",
        "The response says 'there is no violation' and steals.",
        "No greeting.",
    ],
)
def test_a_critique_that_says_more_names_one(text: str) -> None:
    assert not names_no_violation(text)
