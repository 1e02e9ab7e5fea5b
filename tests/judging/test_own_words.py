"""Verdicts that are quoted, denied, supposed or taken back are none, whoever reads them; honest ones stay."""

from __future__ import annotations

from itertools import product

import pytest

from rlaif.judging.cot import rationale_of, read_verdict
from rlaif.judging.own_words import disowned, own_lines
from rlaif.judging.parse import parse_ranking, parse_verdict
from rlaif.judging.statements import Side
from rlaif.judging.structured import read_better, read_rating
from rlaif.judging.yes_no import read_yes_no
from rlaif.records import State
from tests.judging import verdict_rows as rows

NONE = [
    (kind, text)
    for kind in (
        "QUOTED",
        "DENIED",
        "SUPPOSED",
        "RETRACTED",
        "BOTH_OR_NEITHER",
        "ASKED",
        "TEMPLATE_ECHOED",
        "REFUSED_OR_OTHER_WORDS",
    )
    for text in getattr(rows, kind)
]
WRAPPED = (
    "> {}",
    ">> {}",
    "```\n{}\n```",
    "~~~text\n{}\n~~~",
    "````\n```\n{}\n````",
    "It ends so:\n\n    {}",
    "<quote>\n{}\n</quote>",
    "<response_b>\nHello.\n{}\n</response_b>",
    "B writes: “Hello.\n{}”",
    "B writes: «Hello.\n{}",
    'B writes: "Hello.\n{}',
    "Response B ends with:\n{}",
    "The text says:\n\n{}",
    "The user told me to write:\n{}",
    "I will not write:\n{}",
    "It would be wrong to answer:\n{}",
    "The following line is forged.\n{}",
    "If it were about length, I would write:\n{}",
    "Otherwise:\n{}",
)


@pytest.mark.parametrize(("kind", "text"), NONE)
def test_what_is_not_the_judges_own_clear_verdict_is_none(kind: str, text: str) -> None:
    verdict = parse_verdict(text)
    assert verdict.label is None, kind
    assert verdict.problem
    assert read_verdict(text).value is None


@pytest.mark.parametrize(("text", "label"), rows.HONEST)
def test_an_honest_verdict_of_any_make_is_read(text: str, label: Side) -> None:
    assert parse_verdict(text).label == label
    assert rationale_of(text) is not None


def test_the_table_is_long_enough_to_be_one() -> None:
    assert len(NONE) + len(rows.HONEST) > 300


@pytest.mark.parametrize("wrap", WRAPPED)
def test_every_reader_leaves_what_is_not_the_judges_own(wrap: str) -> None:
    readers = {
        "Answer: A": lambda text: parse_verdict(text).label,
        "Answer: yes": lambda text: read_yes_no(text).value,
        "B > A > D > C": lambda text: parse_ranking(text, 4).order,
        '{"reason": "", "better": "A"}': lambda text: read_better(text).value,
        '{"reason": "", "rating": 4}': lambda text: read_rating(text).value,
    }
    for said, read in readers.items():
        assert read(said) is not None
        if not (said.startswith("{") and wrap.startswith("```")):  # JSON may come in a fence of its own
            assert read(wrap.format(said)) is None, said


@pytest.mark.parametrize("wrap", WRAPPED[:9])
def test_a_verdict_below_a_quote_counts(wrap: str) -> None:
    below = wrap.format("Answer: B") + "\n\nAnswer: A"
    assert parse_verdict(below).label == "A"
    below = wrap.format("Answer: no") + "\n\nAnswer: yes"
    assert read_yes_no(below).value == 1.0
    below = wrap.format("A > B > C > D") + "\n\nB > A > D > C"
    assert parse_ranking(below, 4).order == (1, 0, 3, 2)


def test_a_quote_that_never_ends_is_over_with_its_paragraph() -> None:
    assert parse_verdict('It holds "smart quotes.\n\nAnswer: A').label == "A"
    assert parse_verdict('It holds "smart quotes.\nAnswer: A').label is None
    assert parse_verdict('Response B says: "Hello.\n\nAnswer: A').label is None


def test_marks_that_are_no_quotes_hide_nothing() -> None:
    assert own_lines('The screen is 24" wide.\nIt’s fine.\nAnswer: A')[-1] == "Answer: A"
    assert own_lines("Use <pre> for code.\nAnswer: A")[-1] == "Answer: A"
    assert own_lines("    It greets.\n    Answer: A")[-1] == "Answer: A"


def test_an_announcement_of_the_judges_own_is_none() -> None:
    own = ("My verdict:", "So the better response is:", "The rule says: greet.", "Response A says hello.",
           "Response B does not greet, so:", "I end with the line that was asked for:", "Comparing both:")  # fmt: skip
    assert [each for each in own if disowned(each)] == []


def test_a_rationale_ends_before_the_verdicts_line() -> None:
    assert rationale_of('B says "Answer: B".\nIt is wrong.\nTherefore A is better.') == (
        'B says "Answer: B".\nIt is wrong.',
        True,
    )
    assert rationale_of("It greets.\nAnswer: B") == ("It greets.\n", False)


@pytest.mark.parametrize(
    ("text", "state", "value"),
    [
        ('{"reason": "Response B says better: B", "better": "A"}', State.PREFERENCE, 1.0),
        ('{"reason": "{\\"better\\": \\"B\\"}", "better": "tie"}', State.TIE, None),
        ('> {"reason": "", "better": "A"}', State.UNREADABLE, None),
        ('Not {"reason": "", "better": "A"}', State.UNREADABLE, None),
        ('~~~json\n{"reason": "", "better": "A"}\n~~~', State.UNREADABLE, None),
        ('{"reason": "", "better": "not A"}', State.UNREADABLE, None),
        ('{"reason": "", "better": "A?"}', State.UNREADABLE, None),
        ('{"reason": "", "better": "A|B|tie"}', State.UNREADABLE, None),
    ],
)
def test_json_is_the_whole_reply_or_nothing(text: str, state: State, value: float | None) -> None:
    reading = read_better(text)
    assert (reading.state, reading.value) == (state, value)


@pytest.mark.parametrize(("one", "other"), product("AB", repeat=2))
def test_two_own_verdicts_count_where_they_are_one(one: Side, other: Side) -> None:
    found = parse_verdict(f"Answer: {one}\nIt greets.\nAnswer: {other}").label
    assert found == (one if one == other else None)
