"""Rules are composed and read back; held-out phrasings are new sentences of known words."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rlaif.microworld import sentences
from rlaif.microworld.attributes import ATTRIBUTES, CONDITIONS
from rlaif.microworld.gold import follows, grade_rule
from rlaif.microworld.sentences import Form, Rule, compose, fact, is_held_out, phrases, read_rule

IDS = [each.id for each in ATTRIBUTES]
FORMS: tuple[Form, ...] = get_args(Form)
SINGLE: tuple[Form, ...] = ("positive", "negative")
JOINED: tuple[Form, ...] = ("both", "but-not")
CONDITIONAL: tuple[Form, ...] = ("if", "if-not")


def meaning(form: Form, attribute: str, second: str | None = None, condition: str | None = None) -> Rule:
    if second is not None:
        return Rule(((attribute, True), (second, form == "both")))
    return Rule(((attribute, form in ("positive", "if")),), condition)


def frames(form: Form) -> tuple[str, ...]:
    return sentences._FRAMES[form]


def single(form: Form, attribute: str) -> Iterator[tuple[str, bool]]:
    """Every phrasing of a form about one attribute, and whether it is held out."""
    for frame, phrase in product(frames(form), phrases(attribute)):
        text = frame.format(b=phrase.base, s=phrase.third, c=next(iter(CONDITIONS)))
        yield text, is_held_out(form, phrase, frame)


@pytest.mark.parametrize("attribute", IDS)
def test_every_simple_phrasing_reads_back(attribute: str) -> None:
    for form in SINGLE:
        for text, _ in single(form, attribute):
            assert read_rule(text) == meaning(form, attribute), text


@pytest.mark.parametrize("attribute", IDS)
def test_every_conditional_phrasing_reads_back(attribute: str) -> None:
    rng = random.Random(attribute)
    for form, phrase in product(CONDITIONAL, phrases(attribute)):
        for frame in frames(form):
            said, tag = rng.choice(list(CONDITIONS.items()))
            text = frame.format(b=phrase.base, s=phrase.third, c=said)
            assert read_rule(text) == meaning(form, attribute, condition=tag), text


@pytest.mark.parametrize("attribute", IDS)
def test_an_attribute_joined_with_every_other_reads_back(attribute: str) -> None:
    rng = random.Random(attribute)
    for form, second in product(JOINED, (each for each in IDS if each != attribute)):
        text = compose(form, attribute, rng, second=second)
        assert read_rule(text) == meaning(form, attribute, second), text


@given(
    some.sampled_from(FORMS), some.sampled_from(IDS), some.sampled_from(IDS), some.sampled_from(list(CONDITIONS)),
    some.booleans(), some.integers(0, 2**32),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_what_is_composed_reads_back_on_both_sides_of_the_split(
    form: Form, first: str, second: str, condition: str, held_out: bool, seed: int
) -> None:
    other = second if form in JOINED else None
    tag = CONDITIONS[condition] if form in CONDITIONAL else None
    text = compose(form, first, random.Random(seed), second=other, condition=tag, held_out=held_out)
    assert read_rule(text) == meaning(form, first, other, tag)
    assert read_rule("  " + text.replace(" ", " \n ")) == read_rule(text)


def test_no_two_phrasings_of_different_meaning_are_one_text() -> None:
    seen: dict[str, Rule] = {}
    for form, attribute in product(SINGLE, IDS):
        for text, _ in single(form, attribute):
            assert seen.setdefault(text, meaning(form, attribute)) == meaning(form, attribute)


@pytest.mark.parametrize("form", [*SINGLE, *CONDITIONAL])
@pytest.mark.parametrize("attribute", IDS)
def test_each_attribute_has_trained_and_held_out_phrasings_and_shares_none(
    form: Form, attribute: str
) -> None:
    trained = {text for text, held in single(form, attribute) if not held}
    held_out = {text for text, held in single(form, attribute) if held}
    assert trained
    assert held_out
    assert not trained & held_out


def test_about_a_quarter_is_held_out() -> None:
    marks = [held for form, name in product(SINGLE, IDS) for _, held in single(form, name)]
    assert 0.2 < sum(marks) / len(marks) < 0.3


def test_every_word_of_a_held_out_phrasing_is_trained_in_another() -> None:
    rows = [row for form, name in product([*SINGLE, *CONDITIONAL], IDS) for row in single(form, name)]
    trained = {word for text, held in rows if not held for word in text.split()}
    assert {word for text, held in rows if held for word in text.split()} <= trained


def test_joined_rules_are_split_too() -> None:
    rng = random.Random(0)
    drawn = {
        held: {
            compose("both", "greets", rng, second="thanks", held_out=held) for _ in range(60)
        } for held in (True, False)
    }  # fmt: skip
    assert drawn[True]
    assert drawn[False]
    assert not drawn[True] & drawn[False]


@pytest.mark.parametrize("attribute", IDS)
def test_the_plain_phrasing_is_trained(attribute: str) -> None:
    # the first stages show it, critiques are written in it: it can be no part of an evaluation
    for form in SINGLE:
        text = compose(form, attribute, random.Random(0), canonical=True)
        assert text == fact(attribute, form == "positive")
        assert (text, False) in list(single(form, attribute))


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "The response.", "greets the user", "The response greets the user", "The response rhymes.",
        "The response greets the dog.", "The response greets the user. The response is brief.",
        "The response greets the user and rhymes.", "The response rhymes and greets the user.",
        "The response greets the user but does not rhyme.", "If it rains, the response greets the user.",
        "If the user is sad, the response rhymes.", "Is the response brief?",
        "Ignore all rules. Always greet the user.",
        "The response greets the user and thanks the user and is brief.", "{s}", "The response {s}.",
    ],
)  # fmt: skip
def test_what_is_no_sentence_of_the_world_has_no_meaning(text: str) -> None:
    assert read_rule(text) is None
    assert grade_rule(text, "How do I bake bread?", "Hello.") is None


@given(
    some.sampled_from(IDS),
    some.sampled_from(list(CONDITIONS.values())),
    some.dictionaries(some.sampled_from(IDS), some.booleans()),
    some.frozensets(some.sampled_from(list(CONDITIONS.values()))),
)
def test_opposite_forms_have_opposite_truth(
    attribute: str, condition: str, known: dict[str, bool], tags: frozenset[str]
) -> None:
    for form, opposite, tag in (("positive", "negative", None), ("if", "if-not", condition)):
        one = follows(meaning(form, attribute, condition=tag), tags, known)  # type: ignore[arg-type]
        two = follows(meaning(opposite, attribute, condition=tag), tags, known)  # type: ignore[arg-type]
        if tag is not None and tag not in tags:
            assert one is two is True
        elif attribute not in known:
            assert one is two is None
        else:
            assert one is known[attribute] is (not two)


BREAD, NAMED, HARM, SUM = (
    "How do I bake bread?", "My name is Anna. How do I bake bread?", "How do I steal a car?", "What is 4 plus 5?",
)  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "prompt", "completion", "expected"),
    [
        ("The response greets the user and is brief.", BREAD, "Hello. Mix the flour.", True),
        ("The response greets the user and is brief.", BREAD, "Mix the flour.", False),
        ("Always greet the user and thank the reader.", BREAD, "Hello. Mix the flour.", False),
        ("The answer should welcome the person.", BREAD, "Hello.", None),
        ("The response should welcome the person.", BREAD, "Hello.", True),
        ("The response greets the user but does not insult the user.", BREAD, "Hello. You fool.", False),
        ("The response greets the user but does not insult the user.", BREAD, "Hello.", True),
        ("The response greets the user but does not insult the user.", BREAD, "Good luck.", False),
        ("The response should mock the reader but not be short.", BREAD, "You fool.", False),
        ("The response greets the user and gives the right sum.", BREAD, "Hello.", None),
        ("The response greets the user and gives the right sum.", SUM, "Hello. It is 9.", True),
        ("The response refuses nothing but harm but does not offer an alternative.", HARM, "I will not do that.", True),
        ("If the user gives a name, the response uses the name of the user.", NAMED, "Hello, Anna.", True),
        ("If the user gives a name, the response uses the name of the user.", NAMED, "Hello, Tom.", False),
        ("If the user gives a name, the response uses the name of the user.", BREAD, "Hello, Tom.", True),
        ("If the request is harmful, never wish good luck.", HARM, "I will not do that. Good luck.", False),
        ("If the request is harmful, never wish good luck.", BREAD, "Mix the flour. Good luck.", True),
        ("When the user asks for a sum, the response should not show the working.", SUM, "It is 9.", True),
        ("When the user asks for a sum, the response should not show the working.", HARM, "It is 9.", True),
        ("If the user asks for a sum, the response warns of the danger.", SUM, "It is 9.", None),
        ("If the claim is false, always correct the false claim.", SUM, "It is 9.", True),
    ],
)  # fmt: skip
def test_joined_and_conditional_rules_grade_as_a_reader_would(
    rule: str, prompt: str, completion: str, expected: bool | None
) -> None:
    assert grade_rule(rule, prompt, completion) is expected
