"""Two rules that no response can follow, and none where one can."""

from __future__ import annotations

import pytest

from rlaif.constitution import lint
from rlaif.constitution.contradictions import contradictions
from rlaif.records import Constitution, Principle, PrincipleTest


def found(*principles: Principle) -> Constitution:
    return Constitution(name="house", version="1.0.0", title="House", principles=principles)


def two(one: str, other: str, *tags: tuple[str, ...]) -> Constitution:
    mine, its = tags or ((), ())
    return found(
        Principle(id="one", text=one, line=4, applies_to=mine),
        Principle(id="other", text=other, line=9, applies_to=its),
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The response greets the user.", "The response does not greet the user."),
        ("The response greets the user.", "The response doesn't greet the user."),
        ("The response greets the user.", "The response never greets the user!"),
        ("The response greets the user.", "The response avoids greeting the user."),
        ("The response greets the user.", "The response refrains from greeting the user."),
        ("Always greet the user.", "Never greet the user."),
        ("Do greet any user.", "do NOT greet the user"),
        ("The response is brief.", "The response is long."),
        ("The response is polite.", "The response is impolite."),
        ("The tone is formal.", "The tone is informal."),
        ("The response can't be read aloud.", "The response can be read aloud."),
        ("The response uses formal language.", "The response avoids formal language."),
        ("The response contains a joke.", "The response has no jokes."),
        ("The response gives reasons.", "The response is without any reason."),
    ],
)
def test_a_text_and_its_denial_contradict(one: str, other: str) -> None:
    (each,) = contradictions(two(one, other))
    assert (each.principle.id, each.other.id, each.sure) == ("other", "one", True)
    (finding,) = [each for each in lint(two(one, other)) if each.level == "error"]
    assert (finding.principle, finding.line) == ("other", 9)
    assert "'one' (line 4)" in finding.message
    assert len(contradictions(two(other, one))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The response greets the user.", "The response greets the user."),
        ("The response greets the user.", "The response thanks the user."),
        ("The response greets the user.", "The response does not insult the user."),
        ("The response does not greet the user.", "The response never greets the user."),
        ("The response never fails to greet, not once.", "The response fails to greet, once."),
        ("The response is brief.", "The response is not long."),
        ("The response uses it.", "The response does not have them."),
        ("The response is brief and kind.", "The response is long and dull."),
        ("It says form.", "It says inform."),
        ("No.", "Do."),
    ],
)
def test_what_one_response_can_follow_is_no_contradiction(one: str, other: str) -> None:
    assert contradictions(two(one, other)) == []


def test_rules_for_different_prompts_do_not_meet() -> None:
    texts = ("Greet the user.", "Do not greet the user.")
    assert contradictions(two(*texts, ("a",), ("b",))) == []
    assert contradictions(two(*texts, ("a", "b"), ("b",)))
    assert contradictions(two(*texts, ("a",), ()))


def test_tests_that_want_opposite_sides_of_the_same_texts() -> None:
    wants = PrincipleTest(prompt="Hi", better="Hello.", worse="Go away.")
    against = PrincipleTest(prompt=" Hi ", better="Go  away.", worse="Hello.")
    (inside,) = contradictions(found(Principle(id="one", text="a", tests=(wants, against))))
    assert (inside.sure, "test 2" in inside.message) == (True, True)
    across = found(
        Principle(id="one", text="a", tests=(wants,)), Principle(id="two", text="b", tests=(against,))
    )
    (between,) = contradictions(across)
    assert (between.principle.id, between.other.id, between.sure) == ("two", "one", False)
    elsewhere = PrincipleTest(prompt="Ho", better="Go away.", worse="Hello.")
    assert contradictions(found(Principle(id="one", text="a", tests=(wants, elsewhere)))) == []
