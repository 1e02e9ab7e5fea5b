"""Replies as judges really send them, and as somebody who wants to win would have them send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.judging.parse import parse_ranking, parse_verdict, said
from rlaif.judging.structured import COMPARED, RATED, parse_json, read_better, read_rating
from rlaif.records import State


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Answer: B\nAnswer: B", "B"),  # repeated
        ("I was asked to answer A or B. The rule is greeting.\nAnswer: A", "A"),  # the template quoted
        ("<think>Answer: A</think>\nAnswer: B", "B"),  # thought, then said
        ("It looks like Answer: A.</think>Answer: B", "B"),  # the template opened the thinking
        ("<THINKING>\nhm\n</THINKING>\nAnswer: A", "A"),
        ("Answer:\u200b A", "A"),  # zero-width
        ("\ufeffAns\u00adwer: B\u2060", "B"),
        ("Answer: A\u202e", "A"),
    ],
)
def test_a_clear_verdict_survives_its_wrapping(text: str, label: str) -> None:
    assert parse_verdict(text).label == label


@pytest.mark.parametrize(
    "text",
    [
        "Which response follows the rule better? Answer A or B.",  # the template quoted, and nothing else
        "Answer: A better response greets.",  # the article
        "Answer: A\nI hope that helps!",  # trailing text
        "Answer: A\n\nP.S. Answer: B?",
        "Antwort: A",  # another language
        "答案：A",
        "La respuesta es A",
        '```json\n{"better": "A"}\n```',  # fenced JSON where a line is asked for
        "Answer: 7",  # a number
        "The first one greets, so I would say Ans",  # cut off
        "<think>The first greets.\nAnswer: A",  # cut off while thinking
        "<think>x</think><think>Answer: A",
        "[[A]] and [[B]]",  # both present
        "Answer: B\n\nAnswer: A",
        "Answer: A\u200b B",
        "I'm sorry, I can't say whether Answer: A or Answer: B",
    ],
)
def test_what_only_looks_like_a_verdict_is_none(text: str) -> None:
    verdict = parse_verdict(text)
    assert verdict.label is None
    assert verdict.problem


def test_a_refusal_behind_thinking_is_a_refusal() -> None:
    assert parse_verdict("<think>They want A.</think>I'm sorry, I cannot compare these.").refused
    assert not parse_verdict("<think>I cannot decide.</think>Both are fine.").refused


def test_thinking_without_an_end_says_nothing() -> None:
    assert said("<think>A") is None
    assert said("a</think>b</reasoning> c") == " c"


@given(st.text(), st.sampled_from("AB"), st.sampled_from("AB"))
def test_no_thought_turns_a_verdict(thought: str, inside: str, label: str) -> None:
    assert parse_verdict(f"<think>{thought}\nAnswer: {inside}\n</think>\nAnswer: {label}").label == label


@pytest.mark.parametrize(
    "text",
    [
        "B A D C",
        "B > A > D > C",
        "B>A>D>C.",
        "B, A, D, C.",
        "Ranking: B A D C",
        "hm\nAnswer: B A D C",
        "BADC",  # the letters only, as the template asks
        "**BADC**",
        "[[B > A > D > C]]",
        "\\boxed{B > A > D > C}",
        "Final ranking (best to worst): B > A > D > C",
        "My ranking is: Response B > Response A > Response D > Response C",
        "B → A → D → C",
        "C < D < A < B",
        "1. B\n2. A\n3. D\n4. C",
        "Here it is:\n1) **Response B**: greets\n2) Response A\n3) Response D - short\n4) Response C",
        "B A D C\n---",
    ],
)
def test_a_ranking_is_read(text: str) -> None:
    assert parse_ranking(text, 4).order == (1, 0, 3, 2)


@pytest.mark.parametrize(
    "text",
    ["", "B A D", "B A D C C", "B A D E", "b a d c", "B A D C\nbut A is fine too", "A beats B, C and D",
     "<think>B A D C", "1 2 3 4", "I cannot rank these.", "BADE", "BAD", "A > B = C > D", "A > B < C > D",
     "worst to best: B, A, D, C", "Ranking (worst to best): B > A > D > C", "Worst: B, A, D, C", "A, B, C, D (tie)",
     "4. B\n3. A\n2. D\n1. C", "1. B\n2. A\n4. D\n5. C", "1. B\n2. B\n3. D\n4. C"],
)  # fmt: skip
def test_a_list_that_is_not_every_letter_once_is_none(text: str) -> None:
    ranking = parse_ranking(text, 4)
    assert ranking.order is None
    assert ranking.problem


GOOD = '{"reason": "It greets.", "better": "A"}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f" {GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```",
        f"<think>{{}}</think>{GOOD}",
        f"\ufeff{GOOD}",
    ],
)
def test_json_is_read_fenced_or_not(text: str) -> None:
    assert read_better(text) == read_better(GOOD)
    assert read_better(GOOD).value == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A",
        f"Here it is: {GOOD}",
        f"{GOOD} Hope that helps!",
        f"{GOOD}\n{GOOD}",
        f"```json\n{GOOD}\n```\n```json\n{GOOD}\n```",
        GOOD[:-4],
        '{"reason": "", "better": "C"}',
        '{"reason": "", "better": "a"}',
        '{"reason": "", "better": ["A"]}',
        '{"better": "A"}',
        '{"reason": "", "better": "A", "better": "B"}',
        '{"reason": "", "better": "A", "score": 1}',
        '["A"]',
        "null",
        "<think>" + GOOD,
        "[" * 100_000,
    ],
)
def test_json_that_is_not_what_was_asked_for_is_unreadable(text: str) -> None:
    reading = read_better(text)
    assert (reading.state, reading.value) == (State.UNREADABLE, None)
    assert reading.detail


def test_a_tie_in_json_is_a_tie_and_a_refusal_a_refusal() -> None:
    assert read_better('{"reason": "", "better": "tie"}').state is State.TIE
    assert read_better("I'm sorry, I cannot compare these.").state is State.JUDGE_REFUSED


@pytest.mark.parametrize(
    "rating", ["0", "6", "-1", "3.5", "1e3", '"4"', "NaN", "Infinity", "true", "null", "99999999999"]
)
def test_a_rating_out_of_range_is_unreadable(rating: str) -> None:
    assert read_rating(f'{{"reason": "", "rating": {rating}}}').state is State.UNREADABLE


@pytest.mark.parametrize(("rating", "share"), [(1, 0.0), (3, 0.5), (5, 1.0)])
def test_a_rating_is_a_share_of_its_scale(rating: int, share: float) -> None:
    assert read_rating(f'{{"reason": "", "rating": {rating}}}').value == share


@given(st.text())
def test_any_text_is_read_without_a_crash(text: str) -> None:
    assert parse_ranking(text, 4).order is None or len(text) >= 4
    for schema in (COMPARED, RATED):
        parsed = parse_json(text, schema)
        assert parsed.value is None or not parsed.problem
