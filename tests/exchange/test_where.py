"""Conditions: what they select, by hand; what they refuse, with the place; and that they run nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.errors import InputError
from rlaif.exchange.where import FIELDS, parse_where
from rlaif.records import Message, Pair


def said(role: Any, text: str) -> Message:
    return Message(role=role, content=text)


def pair(**more: Any) -> Pair:
    own: dict[str, Any] = {
        "prompt": (said("user", "How?"),),
        "chosen": (said("assistant", "Sorry, so."),),
        "rejected": (said("assistant", "No."),),
        "label_prob": 0.9,
        "round": 2,
        "principles": ({"id": "brief", "p": 0.7}, {"id": "kind-words", "p": None}),
        "provenance": {"judge": "b2:12", "policy": ["b2:34", "b2:56"], "constitution": {"name": "house"}},
    }
    return Pair(**(own | more))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("label_prob > .8 and round == 2 and tag == harmful", True),
        ("label_prob > .9", False),
        ("label_prob>=0.9", True),
        ("label_prob < 9e-1 or round != 2", False),
        ("not round == 3", True),
        ("not (round == 2 or tag == sum) or round == 2", True),
        ("round == 2 or round == 3 and label_prob < .5", True),  # `and` binds tighter
        ("tag == harmful", True),
        ("tag != harmful", False),
        ("tag in [sum, 'over refusal']", True),
        ("tag == none or tag == sum", False),
        ("tag != none", True),
        ("p.brief > .6", True),
        ("p.brief > .7", False),
        ("p.kind-words > 0", False),  # null is above nothing
        ("p.kind-words == none", True),
        ("p.unknown != none", False),
        ("principle == brief", True),
        ("principle in [honest, clear]", False),
        ("score_gap == none", True),
        ("score_gap > -5", False),
        ("not score_gap > -5", True),
        ("critique contains fault", False),
        ("chosen contains 'orry, s'", True),
        ('chosen == "Sorry, so."', True),
        ("judge == b2:12 and policy == b2:56", True),
        ("constitution == house", True),
        ("order_consistent == true", True),
        ("order_consistent != true", False),
        ("chosen_chars > rejected_chars", None),
        ("turns == 1 and rejected_chars == 3", True),
        ("weight == 1", True),
    ],
)
def test_a_condition_is_true_where_a_reader_says_so(text: str, wanted: bool | None) -> None:
    if wanted is None:
        with pytest.raises(InputError):  # a field is compared with a value
            parse_where(text)
    else:
        assert parse_where(text)(pair(), ("harmful", "over refusal")) is wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("label_prb > .8", "no field is called 'label_prb'; fields: label_prob, weight"),
        ("label_prob > high", "label_prob is a number, and 'high' at column 14 is none"),
        ("tag > 3", "compares numbers; tag is one of several words"),
        ("label_prob >", "it ends at column 13; expected a value"),
        ("label_prob 3", "there is '3' at column 12; expected one of"),
        ("(round == 2", r"expected `\)`"),
        ("round == 2)", "expected `and`, `or` or the end"),
        ("round == 2 round", "expected `and`, `or` or the end"),
        ("tag in sum", r"expected `\["),
        ("tag in []", "expected a value"),
        ("round = 2", "cannot read '=' at column 7"),
        ("round == 2; import os", "cannot read ';' at column 11"),
        ("__import__('os') == 1", "no field is called '__import__'"),
        ("order_consistent == maybe", "is true or false, and 'maybe'"),
        ("weight contains 1", "`contains` asks a text for a text"),
        ("", "it ends at column 1; expected a field"),
        ("(" * 2000 + "round == 2", "nested more than"),
        ("not " * 2000 + "round == 2", "nested more than"),
        ("3 == round", "there is '3' at column 1; expected a field"),
        ("label_prob > 1.2.3", "cannot read"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_where(text)


PIECES = st.sampled_from([*FIELDS, "and", "not", "(", ")", "==", "in", "[", "]", "1", "a"])


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30) | st.lists(PIECES).map(" ".join))
def test_any_text_is_a_condition_or_a_message(text: str) -> None:
    try:
        where = parse_where(text)
    except InputError:
        return
    assert where(pair()) in (True, False)
    assert set(where.fields) <= {*FIELDS, *(name for name in where.fields if name.startswith("p."))}


TURNS = pair(
    prompt=(
        said("system", "Be good."),
        said("user", "Tea?"),
        said("assistant", "Yes."),
        said("user", "Why?"),
    ),
    chosen=(
        replace(said("assistant", "I look."), thought="hm"),
        said("user", "And?"),
        replace(said("assistant", "So."), thought="done"),
    ),
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("chosen contains look", True),
        ("chosen contains And", False),  # the user's
        ("chosen contains done", False),
        ("chosen_thought contains hm and chosen_thought contains done", True),
        ('rejected_thought == ""', True),
        ("chosen_chars == 12", True),  # with a blank line between the turns
        ("prompt contains Tea and prompt contains Why", True),
        ("prompt contains good", False),
    ],
)
def test_texts_are_those_of_all_turns(text: str, wanted: bool) -> None:
    assert parse_where(text)(TURNS) is wanted


def test_the_fields_that_it_reads_are_known() -> None:
    assert parse_where("tag == a or tag == b and p.x > 1").fields == ("tag", "p.x")
