"""TRL's four layouts, read as TRL itself reads them; and what it reads that no border can be told in."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.errors import PromptFileError
from rlaif.exchange.formats.trl import (
    CONTINUES,
    NOT_CONTINUED,
    PARTS_EARLY,
    SAME,
    UNRELATED,
    pair_of,
    pair_rows,
)
from rlaif.exchange.rows import Row
from rlaif.exchange.turns import turn_rows
from rlaif.records import Pair
from tests.exchange.preferences.builders import pair, turn

USER = {"role": "user", "content": "What color is the sky?"}
ELSE = {"role": "user", "content": "Else?"}
BLUE = {"role": "assistant", "content": "It is blue."}
GREEN = {"role": "assistant", "content": "It is green."}
LAYOUTS = {
    "explicit text": ({"prompt": "The sky is", "chosen": " blue.", "rejected": " green."}, "The sky is"),
    "explicit turns": ({"prompt": [USER], "chosen": [BLUE], "rejected": [GREEN]}, USER["content"]),
    "implicit text": ({"chosen": "The sky is blue.", "rejected": "The sky is green."}, "The sky is"),
    "implicit turns": ({"chosen": [USER, BLUE], "rejected": [USER, GREEN]}, USER["content"]),
}


def read(row: Any) -> Pair | str:
    return pair_of(Row("rows.jsonl:3", row))


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_four_layouts_give_the_pair_that_trl_gives(name: str) -> None:
    from tests.trl_oracle import maybe_extract_prompt

    row, asked = LAYOUTS[name]
    theirs = maybe_extract_prompt(copy.deepcopy(row))
    ours = read(row)
    assert isinstance(ours, Pair)
    assert ours.prompt[-1].content == asked
    both = [("prompt", ours.prompt), ("chosen", ours.chosen), ("rejected", ours.rejected)]
    for column, turns in both:
        whole = theirs[column] if isinstance(theirs[column], list) else None
        assert (turn_rows(turns) if whole else turns[0].content) == theirs[column]


words = st.text(st.sampled_from("ab c\n"), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(words, words, words)
def test_implicit_texts_are_cut_where_trl_cuts_them(shared: str, one: str, other: str) -> None:
    from tests.trl_oracle import extract_prompt

    ours = read({"chosen": shared + one, "rejected": shared + other})
    if isinstance(ours, Pair):
        theirs = extract_prompt({"chosen": shared + one, "rejected": shared + other})
        sides = (ours.prompt, ours.chosen, ours.rejected)
        assert [each[-1].content for each in sides] == list(theirs.values())
    else:
        assert ours in (CONTINUES, SAME, UNRELATED)


@pytest.mark.parametrize(
    ("row", "why", "trl_reads"),
    [
        # it takes all but one letter of the shorter text for the prompt
        ({"chosen": "Sky? Blue", "rejected": "Sky? Blue sky"}, CONTINUES, "Sky? Blu"),
        # nothing is shared, and it looks at the text's last letter to say so
        ({"chosen": "Yes ", "rejected": "No."}, UNRELATED, "Yes"),
    ],
)
def test_where_trl_cuts_wrongly_there_is_no_pair(row: Any, why: str, trl_reads: str) -> None:
    from tests.trl_oracle import extract_prompt

    assert read(row) == why
    assert extract_prompt(copy.deepcopy(row))["prompt"] == trl_reads


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"chosen": "same", "rejected": "same"}, SAME),
        ({"chosen": [USER, BLUE], "rejected": [USER, BLUE]}, SAME),
        ({"chosen": [USER, BLUE], "rejected": [ELSE, GREEN]}, PARTS_EARLY),
        ({"chosen": [BLUE], "rejected": [GREEN]}, PARTS_EARLY),
        ({"prompt": [USER], "chosen": [ELSE, BLUE], "rejected": [GREEN]}, NOT_CONTINUED),
    ],
)
def test_what_makes_no_pair_says_why(row: Any, why: str) -> None:
    assert read(row) == why


def test_sides_that_repeat_the_prompt_are_cut() -> None:
    found = read({"prompt": USER["content"], "chosen": [USER, BLUE], "rejected": [USER, GREEN]})
    assert isinstance(found, Pair)
    assert found.chosen == (turn("assistant", "It is blue."),)


def test_scores_and_our_own_columns_are_kept() -> None:
    row = {**LAYOUTS["explicit turns"][0], "score_chosen": 8, "score_rejected": 5.5, "label_prob": 0.8}
    found = read(row)
    assert isinstance(found, Pair)
    assert (found.label_prob, found.chosen_score, found.rejected_score, found.score_gap) == (
        0.8,
        8.0,
        5.5,
        2.5,
    )


def test_what_is_written_is_read_back() -> None:
    [row] = pair_rows(pair(weight=0.5))
    found = read(row)
    assert found == pair(weight=0.5)
    assert "margin" not in row


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "a", "chosen": "b"}, r"rows\.jsonl:3: no 'rejected'; its columns are: prompt, chosen"),
        ({"question": "a"}, "no 'chosen' and no 'rejected'"),
        ([], "must be an object, not list"),
        ({"prompt": " ", "chosen": "a", "rejected": "b"}, "is blank"),
        ({"prompt": "a", "chosen": 3, "rejected": "b"}, "'chosen' is a int"),
        ({"prompt": "a", "chosen": "\ud800", "rejected": "b"}, "half a character"),
        ({"prompt": "a", "chosen": "c", "rejected": "b", "label_prob": float("nan")}, "must be a number"),
        (
            {"chosen": [{"role": "tool", "content": "x"}], "rejected": [BLUE]},
            r"chosen\[0\] is the result of a tool",
        ),
    ],
)
def test_a_broken_row_is_one_message_with_its_place(row: Any, said: str) -> None:
    with pytest.raises(PromptFileError, match=said):
        read(row)
