"""Endings are lines of a terminal: nothing is broken inside a number, and what is left out is said to be."""

from __future__ import annotations

from rlaif.cli.ending import doubtful, side, within
from rlaif.cli.output import WIDTH


def test_no_line_ends_inside_an_interval_or_between_a_figure_and_what_became_of_it() -> None:
    text = "; ".join(f"principle-{each} 0.10 -> 0.20 [+0.01, +0.19]" for each in range(6))
    lines = within(text, 9)
    assert max(map(len, lines)) <= WIDTH
    for each in range(6):
        assert sum(f"principle-{each} 0.10 -> 0.20" in line for line in lines) == 1
    assert sum(line.count("[+0.01, +0.19]") for line in lines) == 6


def test_what_does_not_fit_is_left_out_with_dots() -> None:
    lines = within("word " * 200, 2)
    assert len(lines) == 2
    assert lines[-1].endswith(" ...")
    assert len(lines[-1]) <= WIDTH


def test_doubts_are_one_line_that_counts_the_others() -> None:
    assert doubtful([]) == []
    assert doubtful(["too few pairs", "too few pairs"]) == ["doubtful: too few pairs"]
    alone = " ".join(f"word{number}" for number in range(20))
    assert " ".join(line.strip() for line in doubtful([alone], most=2)) == f"doubtful: {alone}"
    assert len(doubtful([alone])) == 1
    [line] = doubtful(["x " * 90, "other", "third"])
    assert line.endswith("... (and 2 more: --full)")
    assert len(line) <= WIDTH


def test_a_long_text_below_its_name_is_cut() -> None:
    assert side("after", "one\ntwo") == ["after:", "  one", "  two"]
    assert side("after", "line\n" * 9, 3) == ["after:", "  line", "  line", "  ..."]
