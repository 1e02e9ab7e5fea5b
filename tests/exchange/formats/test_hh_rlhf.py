"""hh-rlhf: where the dialogues part, to the byte; the published file."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.formats.hh_rlhf import NO_DIALOGUE, PROMPTS_DIFFER, pair_of, pair_rows, recognises
from rlaif.exchange.formats.trl import SAME
from rlaif.exchange.preferences.reading import read_preferences
from rlaif.exchange.rows import Row, read_rows
from rlaif.records import Pair
from tests.exchange.preferences.builders import pair, shared, turn

BEFORE = "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman:  How? \n\nAssistant:"


def read(chosen: str, rejected: str) -> Pair | str:
    return pair_of(Row("hh.jsonl:1", {"chosen": chosen, "rejected": rejected}))


def test_the_last_answer_parts_the_dialogues_and_blanks_are_kept() -> None:
    found = read(BEFORE + " So. \n", BEFORE + "No")
    assert isinstance(found, Pair)
    assert found.prompt == (turn("user", "Hi"), turn("assistant", "Yes?"), turn("user", " How? "))
    assert (found.chosen, found.rejected) == ((turn("assistant", "So. \n"),), (turn("assistant", "No"),))
    assert found.label_prob == 1.0


@pytest.mark.parametrize(
    ("chosen", "rejected", "why"),
    [
        (BEFORE + " a", "\n\nHuman: Else\n\nAssistant: b", PROMPTS_DIFFER),
        (BEFORE + " a", BEFORE + " a", SAME),
        ("\n\nAssistant: a", "\n\nAssistant: b", NO_DIALOGUE),
        ("x\n\nHuman: q\n\nAssistant: a", "x\n\nHuman: q\n\nAssistant: b", NO_DIALOGUE),
        ("\n\nHuman: \n\nAssistant: a", "\n\nHuman: \n\nAssistant: b", NO_DIALOGUE),
    ],
)
def test_what_makes_no_pair_says_why(chosen: str, rejected: str, why: str) -> None:
    assert read(chosen, rejected) == why


def test_a_text_without_an_answer_is_refused() -> None:
    with pytest.raises(PromptFileError, match=r"hh\.jsonl:1: 'rejected' holds no `Assistant:` turn"):
        read(BEFORE + " a", "\n\nHuman: q")


@pytest.mark.parametrize(
    "wanted",
    [
        pair(prompt=(turn("system", "Be kind."), turn("user", "How?"))),
        pair(chosen="a\n\nHuman: b"),
        pair(asked="a\n\nAssistant: b"),
    ],
)
def test_what_would_not_come_back_is_not_written(wanted: Pair) -> None:
    assert pair_rows(wanted) == []


@pytest.mark.parametrize(
    ("row", "is_it"),
    [
        ({"chosen": BEFORE + " a", "rejected": BEFORE + " b"}, True),
        ({"prompt": "q", "chosen": BEFORE, "rejected": BEFORE}, False),
        ({"chosen": "a", "rejected": "b"}, False),
        ({"chosen": [], "rejected": []}, False),
    ],
)
def test_it_is_recognised_by_its_turns(row: Any, is_it: bool) -> None:
    assert recognises(row) is is_it


def test_dialogues_that_part_earlier_have_sides_of_several_turns() -> None:
    found = read(
        BEFORE + " So.\n\nHuman: And?\n\nAssistant: a", BEFORE + " No.\n\nHuman: Why?\n\nAssistant: b"
    )
    assert isinstance(found, Pair)
    assert found.prompt[-1] == turn("user", " How? ")
    assert [each.content for each in found.chosen] == ["So.", "And?", "a"]
    assert [each.content for each in found.rejected] == ["No.", "Why?", "b"]


def test_every_row_of_the_published_file_is_a_pair_and_comes_out_again() -> None:
    path = shared("hh_rlhf/harmless-base/test.jsonl.gz")
    found = read_preferences(path)
    assert (found.format, found.rows, len(found.pairs)) == ("hh-rlhf", 2312, 2312)
    assert sum(len(each.chosen) + len(each.rejected) > 2 for each in found.pairs) == 5
    assert [dict(row) for each in found.pairs for row in pair_rows(each)] == [
        row.value for row in read_rows(path)
    ]
    longer = sum(len(each.chosen[0].content) > len(each.rejected[0].content) for each in found.pairs)
    assert longer == 1023  # 44 %
    assert found.pairs[0].chosen[0].content.startswith("No, sorry!  All of these involve a pen")
