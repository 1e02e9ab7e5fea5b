"""Samples are listed by prompt, found by what was said of them, and read with every judgment."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.review.view.samples import SampleFilter, SampleIndex, shares
from tests.review.view import projects


@pytest.fixture
def index(tmp_path: Path) -> SampleIndex:
    found = SampleIndex(projects.loop(tmp_path / "loop"))
    assert len(found.listed(None)) == 6
    return found


def test_completions_of_a_prompt_stand_together_and_rounds_are_kept_apart(index: SampleIndex) -> None:
    entries = index.listed(None)
    assert [each.round for each in entries] == [1, 1, 1, 2, 2, 2]
    assert [len(each.lines) for each in entries] == [2] * 6
    assert index.completions == 12
    prompt, completions = index.sample(4)
    assert prompt.text == "question 1 "
    assert [each.text for each in completions] == ["good 1 ", "bad 1 "]
    assert completions[1].thought == "let me see"


@pytest.mark.parametrize(
    ("chosen", "places"),
    [
        (SampleFilter(), [0, 1, 2, 3, 4, 5]),
        (SampleFilter(round=2), [3, 4, 5]),
        (SampleFilter(tag="odd"), [1, 4]),
        (SampleFilter(text="BAD 2"), [2, 5]),
        (SampleFilter(text="question 1", round=1), [1]),
        (SampleFilter(principle="greet"), [0, 1, 3, 4]),
        (SampleFilter(principle="brief"), []),
        (SampleFilter(state="unreadable"), [2, 5]),
        (SampleFilter(doubtful=True), []),
    ],
    ids=str,
)
def test_a_filter_keeps_what_passes_all_of_it(
    index: SampleIndex, chosen: SampleFilter, places: list[int]
) -> None:
    assert index.select(chosen) == places


def test_every_judgment_of_a_prompt_is_there_and_none_of_another(index: SampleIndex) -> None:
    said = index.judgments(2)
    assert len(said) == 2
    assert {each.prompt_id for each in said} == {index.prompt(2).id}
    assert [each.state.value for each in said] == ["score", "unreadable"]


def test_shares_leave_out_what_could_not_be_read(tmp_path: Path) -> None:
    run = projects.loop(tmp_path / "loop")
    # of six judgments one cannot be read: (.9 + .1 + .9 + .1 + .9) / 5
    assert shares([run / "round-1" / "judgments.jsonl"]) == {"greet": (pytest.approx(0.58), 5)}


def test_a_line_that_is_no_row_is_left_out_and_told(tmp_path: Path) -> None:
    run = projects.generated(tmp_path / "gen")
    with (run / "completions.jsonl").open("a") as stream:
        stream.write("[1, 2]\n")
    index = SampleIndex(run)
    assert len(index.listed(None)) == 4
    assert "completions.jsonl:9" in index.trouble


def test_held_out_answers_of_a_round_are_listed_apart_from_its_draws(tmp_path: Path) -> None:
    run = projects.loop(tmp_path / "loop")
    projects.measured(run / "round-2", models=("round 2",))
    index = SampleIndex(run)
    assert index.select(SampleFilter(source="held-out")) == [6, 7, 8]
    assert index.select(SampleFilter(source="draws")) == [0, 1, 2, 3, 4, 5]
    prompt, completions = index.sample(6)
    assert prompt.text == "question 0 held out"
    assert [each.text for each in completions] == ["answer of round 2 to 0"]


@pytest.mark.parametrize(
    ("chosen", "places"),
    [
        (SampleFilter(principle="brief"), [0]),
        (SampleFilter(principle="greet"), []),
        (SampleFilter(state="preference"), [0, 1, 2]),
        (SampleFilter(doubtful=True), [1]),
    ],
    ids=str,
)
def test_an_evaluation_is_filtered_by_what_was_read_of_its_answers(
    tmp_path: Path, chosen: SampleFilter, places: list[int]
) -> None:
    run = projects.evaluated(tmp_path / "eval")
    projects.measured(run)
    assert SampleIndex(run).select(chosen) == places


def test_each_answer_of_an_evaluation_has_what_was_read_of_it(tmp_path: Path) -> None:
    run = projects.evaluated(tmp_path / "eval")
    projects.measured(run)
    index = SampleIndex(run)
    index.listed(None)
    ours, theirs = index.readings(0)
    assert ours is not None
    assert theirs is not None
    assert (ours.gold, ours.beats) == ({"greet": 1.0, "brief": 0.0}, {"micro": 0.0})
    assert theirs.beats == {}
    assert [each.calls for each in index.judgments(0)] == [("b2:compared-0",)]


def test_a_file_of_readings_that_is_broken_leaves_the_answers_without_them(tmp_path: Path) -> None:
    run = projects.evaluated(tmp_path / "eval")
    projects.measured(run)
    (run / "measured.jsonl").write_text("{not json", encoding="utf-8")
    index = SampleIndex(run)
    assert len(index.listed(None)) == 3
    assert index.readings(0) == [None, None]
