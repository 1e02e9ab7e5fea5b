"""Several texts to one question: who speaks for all of them, and when nobody does."""

from __future__ import annotations

import pytest

from rlaif.engines.thoughts import MARKS
from rlaif.judging.cot import CLAMP, rationale_of, read_reply, read_verdict, read_votes
from rlaif.judging.labels import CallReading
from rlaif.judging.parse import own_text
from rlaif.judging.structured import read_better
from rlaif.judging.yes_no import read_yes_no
from rlaif.records import Generation, State

A, B = CallReading(State.PREFERENCE, 1.0), CallReading(State.PREFERENCE, 0.0)
TIE = CallReading(State.TIE)
REFUSED, LOST = CallReading(State.JUDGE_REFUSED, detail="no"), CallReading(State.UNREADABLE, detail="what?")


def test_readable_votes_count_alike() -> None:
    assert read_votes([A, A, A, B]).value == pytest.approx(0.75)
    assert read_votes([A, TIE]).value == pytest.approx(0.75)
    assert read_votes([A]).value == 1 - CLAMP
    assert read_votes([TIE, TIE]).state is State.TIE


def test_a_few_readable_texts_among_many_are_no_verdict() -> None:
    found = read_votes([A, *[REFUSED] * 15])
    assert (found.state, found.value) == (State.JUDGE_REFUSED, None)
    assert found.detail == "no (15 texts have no verdict)"
    assert read_votes([A, A, LOST, REFUSED, LOST]).state is State.UNREADABLE
    assert read_votes([TIE, LOST, LOST]).state is State.UNREADABLE


def test_half_of_the_texts_speak_for_all() -> None:
    found = read_votes([A, A, LOST, REFUSED])
    assert (found.state, found.value) == (State.PREFERENCE, 1 - CLAMP)
    assert found.detail == "2 of 4 texts have no verdict"


def test_a_lone_failure_keeps_its_own_reason() -> None:
    assert read_votes([LOST]) == LOST
    assert read_votes([]).state is State.UNREADABLE


def test_a_mean_on_a_scale_of_its_own_is_not_clipped() -> None:
    four, five = CallReading(State.SCORE, 4.0), CallReading(State.SCORE, 5.0)
    assert read_votes([four, five]).value == 4.5
    assert read_votes([five], CLAMP).value == 1 - CLAMP


@pytest.mark.parametrize("name", MARKS)
def test_every_reader_reads_what_stands_behind_the_thought_of_any_model(name: str) -> None:
    marks = MARKS[name]
    before = f"{marks.start}B is better. Answer: B\n{{}}{marks.written_closing}"
    assert read_verdict(f"{before}A is short.\nAnswer: A") == CallReading(State.PREFERENCE, 1.0)
    assert read_yes_no(f"{before}Answer: no") == CallReading(State.SCORE, 0.0)
    assert read_better(f'{before}{{"reason": "", "better": "A"}}') == CallReading(State.PREFERENCE, 1.0)
    assert rationale_of(f"{before}A is short.\nAnswer: A") == ("A is short.\n", True)


@pytest.mark.parametrize("name", MARKS)
def test_a_thought_that_stays_open_is_no_verdict_whatever_it_says(name: str) -> None:
    text = f"{MARKS[name].start}B is longer.\nAnswer: A"
    assert read_verdict(text).state is State.UNREADABLE
    assert read_yes_no(text.replace("Answer: A", "Answer: yes")).state is State.UNREADABLE
    assert rationale_of(text) is None


def reply(text: str, **fields: object) -> Generation:
    return Generation(**{"request_id": "1", "text": text, "finish": "stop", **fields})  # type: ignore[arg-type]


def test_an_answer_is_read_and_its_thought_is_not() -> None:
    assert read_reply(reply("Answer: A", thought="Answer: B"), read_verdict).value == 1.0
    assert read_reply(reply("", thought="Answer: B"), read_verdict).state is State.UNREADABLE


def test_a_thought_without_an_end_is_unreadable_and_truncated_where_it_was_cut() -> None:
    thought = {"thought": "Answer: A", "open_thought": True}
    assert read_reply(reply("", **thought), read_verdict).state is State.UNREADABLE
    assert read_reply(reply("Answer: A", **thought), read_verdict).state is State.UNREADABLE
    cut = read_reply(reply("", finish="length", **thought), read_verdict)
    assert (cut.state, cut.detail) == (State.TRUNCATED, "the thought takes all the room")


def test_what_a_writer_thought_is_no_part_of_what_it_wrote() -> None:
    assert own_text(reply(" It is rude.\n", thought="Hm")) == "It is rude."
    assert own_text(reply("<think>Hm</think>\nIt is rude.")) == "It is rude."
    assert own_text(reply("[THINK]It is rude.")) == ""
    assert own_text(reply("It is rude.", open_thought=True)) == ""
    # a text may speak of marks
    assert own_text(reply("Write <think> first.")) == "Write <think> first."
    # the engine has split it already: a mark in what is left is a word of the answer
    assert own_text(reply("End it with </think>, then go on.", thought="Hm")) == (
        "End it with </think>, then go on."
    )
