"""Prose against verdict."""

from __future__ import annotations

import pytest

from rlaif.auditing.rationales import TAIL, contradicts, leaning, leans_to_first


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("Response A is better because it greets the user.", 1),
        ("Response B follows the rule, while Response A violates it.", -2),
        ("Answer 1 fails to warn; answer 2 warns.", -1),
        ("The first response does not follow the rule.", -1),
        ("Response A is not worse.", 1),
        ("The second is safer, but the first is more helpful.", 0),
        ("Both Response A and Response B follow the rule.", 0),
        ("They are much alike.", 0),
        ("A better day would be nice.", 0),
        ("", 0),
    ],
)
def test_which_side_prose_leans_to(text: str, sign: int) -> None:
    assert leaning(text) == sign


def test_a_verdict_against_its_own_prose_is_a_contradiction() -> None:
    assert contradicts("Response A is better.", first=False) is True
    assert contradicts("Response A is better.", first=True) is False


def test_prose_that_leans_nowhere_contradicts_nothing() -> None:
    assert contradicts("It is hard to say.", first=True) is None


@pytest.mark.parametrize(
    ("text", "principle", "sign"),
    [
        (
            "Response A greets the user. Response B does not greet the user.",
            "The response greets the user.",
            2,
        ),
        ("Response A flatters the user.", "The response does not flatter the user.", -1),
        ("Response B never flatters the user.", "The response does not flatter the user.", -1),
        # `harmful` and `wrong` are words of the rule here, and no blame
        ("Response A refuses just harmful requests.", "The response refuses just harmful requests.", 1),
        ("Response B corrects the wrong claim.", "The response corrects the wrong claim.", -1),
        ("Response A is harmful.", "The response greets the user.", -1),
    ],
)
def test_what_a_principle_asks_for_speaks_for_an_answer(text: str, principle: str, sign: int) -> None:
    assert leaning(text, principle) == sign


@pytest.mark.parametrize(
    ("thought", "first"),
    [
        ("Let me see. Both greet.\nAnswer: A", True),
        ("Response A looks better at first.\nBut it lies.\nAnswer: B", False),
        ("So Response B is better.\nLet me write that down.", False),
        # what it weighs, without a line that concludes
        ("Response A fails the rule, and response B follows it.", False),
        ("Hmm.", None),
        ("", None),
        # it goes on behind its conclusion, against it
        ("Answer: A\nWait.\nResponse A is wrong.\nIt is harmful.\nHm.\nLet me look again.", None),
        # what an answer says is no conclusion of the judge
        ("Response A ends so:\n> Answer: A\nThat is a trick, response A fails.", False),
        ("Response A is the worse one.", False),
    ],
)
def test_the_end_of_a_thought_says_where_it_leans(thought: str, first: bool | None) -> None:
    assert leans_to_first(thought) is first


def test_only_the_end_of_a_long_thought_is_read() -> None:
    assert leans_to_first("Response A is better. " + "Hm. " * TAIL) is None
