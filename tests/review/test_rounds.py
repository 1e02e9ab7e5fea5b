"""The tables of rounds: what revising did stands there where something was revised, and nowhere else."""

from __future__ import annotations

from typing import Any

from rlaif.review.rounds import revision_tables, tables

FIGURES: dict[str, Any] = {
    "completions": 8,
    "changed": 4,
    "whole": {"confirmed": 0.75, "missed": 0.0, "fixed": 1.0, "broke": 0.25},
    "gold_first": 0.5,
    "gold_last": 0.625,
    "stages": [{"stage": 1, "outcomes": {"revised": 4, "the revision is empty": 4}}],
}
BARE = {"round": 1, "gold_mean": None}


def test_a_round_that_revised_shows_its_figures_and_each_reason() -> None:
    first, second = revision_tables([{**BARE, "revision": FIGURES}])
    assert first[2] == [["1", "8", "4", "0.750", "0.000", "1.000", "0.250", "0.500", "0.625", "-"]]
    assert second[2] == [["1", "", "1", "revised", "4"], ["1", "", "1", "the revision is empty", "4"]]


def test_several_steps_of_a_round_are_distinguished() -> None:
    first, second = revision_tables([{**BARE, "revision": {"one": FIGURES, "two": FIGURES}}])
    assert len(first[2]) == 2
    assert [row[1] for row in second[2]] == ["one", "one", "two", "two"]


def test_without_revisions_there_is_no_such_table() -> None:
    assert revision_tables([BARE]) == []
    assert not any("revis" in title for title, *_ in tables([{"round": 0}, BARE]))


def test_the_tables_fit_a_terminal() -> None:
    for _, head, rows in revision_tables([{**BARE, "revision": FIGURES}]):
        widths = [max(len(line[place]) for line in [head, *rows]) for place in range(len(head))]
        assert sum(widths) + 2 * (len(widths) - 1) <= 80


def test_counts_by_name_are_shown_in_words() -> None:
    row = {**BARE, "not_written": {"duplicates": 4, "held out": 3}, "kinds": {"one": {"best": 2}}, "left": {}}
    [*_, (_, head, rows)] = tables([row], ["not_written", "kinds", "left"])
    assert (head[1:], rows[0][1:]) == (
        ["not_written", "kinds", "left"],
        ["duplicates 4, held out 3", "one best 2", "-"],
    )


def test_further_figures_that_are_too_wide_have_a_line_each() -> None:
    names = [f"figure_{number}" for number in range(9)]
    [*_, (_, head, rows)] = tables([{**BARE, **dict.fromkeys(names, 0.5)}], names)
    assert head == ["round", "figure", "value"]
    assert rows == [["1", name, "0.500"] for name in names]


def test_rounds_are_ranked_by_the_newest_table_and_set_against_each_earlier_one() -> None:
    def ranked(*values: float) -> list[dict[str, Any]]:
        keys = ("low", "high", "elo", "at_equal_length", "equal_low", "equal_high")
        return [
            {"round": place, "value": value, **dict.fromkeys(keys, value)}
            for place, value in enumerate(values)
        ]

    won = {
        "win_rate": 0.7,
        "low": 0.5,
        "high": 0.8,
        "length_controlled": {"value": 0.6, "low": 0.4, "high": 0.8},
    }
    rows = [
        {"round": 0},
        {"round": 1, "rounds": {"0": won}, "strengths": ranked(0.0, 0.25)},
        {
            "round": 2,
            "rounds": {"0": won, "1": {**won, "length_controlled": None}},
            "strengths": ranked(0.0, 0.5, 1.0),
        },
    ]
    found = {title: body for title, _, body in tables(rows)}
    assert [row[:4] for row in found["win rate against every earlier round"]] == [
        ["1", "round 0", "0.700", "0.500"],
        ["2", "round 0", "0.700", "0.500"],
        ["2", "round 1", "0.700", "0.500"],
    ]
    assert found["win rate against every earlier round"][2][5:] == ["-", "-", "-"]
    strengths = found["rounds by strength (Bradley-Terry, round 0 is 0)"]
    assert [row[:2] for row in strengths] == [["0", "0.000"], ["1", "0.500"], ["2", "1.000"]]
    assert "rounds by strength (Bradley-Terry, round 0 is 0)" not in {
        title for title, _, _ in tables(rows[:1])
    }
