"""Thumbs: liked against disliked answers of one prompt, and what cannot be set against anything."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.formats.kto import ALONE, ANSWERS, CONTRADICTED, FORMAT, LABELS, pair_rows, read
from rlaif.exchange.rows import Row
from rlaif.records import Pair
from tests.exchange.preferences.builders import pair


def found(*rows: tuple[str, str, Any]) -> list[Any]:
    listed = [
        Row(f"t.csv:{place}", {"prompt": asked, "completion": said, "label": up})
        for place, (asked, said, up) in enumerate(rows, 2)
    ]
    return [
        (each.what.chosen[0].content, each.what.rejected[0].content)
        if isinstance(each.what, Pair)
        else each.what
        for each in read(iter(listed))
    ]


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([("q", "a", True), ("q", "b", False)], [("a", "b")]),
        ([("q", "b", "0"), ("r", "x", "True"), ("q", "a", "1")], [("a", "b"), ALONE]),
        ([("q", "a", True), ("q", "b", False), ("q", "c", False)], [("a", "b"), ("a", "c")]),
        ([("q", "a", True), ("q", "a", False)], [CONTRADICTED, CONTRADICTED]),
        ([("q", "a", True), ("q", "a", True), ("q", "b", False)], [("a", "b")]),
        ([("q", "a", True), ("r", "b", False)], [ALONE, ALONE]),
    ],
)
def test_every_answer_meets_one_of_the_other_thumb(rows: Any, wanted: Any) -> None:
    assert found(*rows) == wanted


@pytest.mark.parametrize("label", ["maybe", None, 2, 0.5, ""])
def test_a_thumb_is_up_or_down(label: Any) -> None:
    with pytest.raises(PromptFileError, match=r"t\.csv:2: 'label' is .*must be true or false"):
        found(("q", "a", label))


@pytest.mark.parametrize(
    ("up", "down"),
    [
        (True, False),
        (1, 0),
        (1.0, 0.0),
        (1, -1),
        ("1.0", "-1.0"),
        ("True", "False"),
        ("UP", "down"),
        ("👍", "👎"),
    ],
)
@pytest.mark.parametrize("column", LABELS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_tables_name_and_write_thumbs_in_their_own_way(up: Any, down: Any, column: str, answer: str) -> None:
    rows = [{"prompt": "q", answer: "a", column: up}, {"prompt": "q", answer: "b", column: down}]
    assert FORMAT.pairs is not None
    assert FORMAT.pairs.recognises is not None
    assert FORMAT.pairs.recognises(rows[0])
    [one] = read(iter(Row(f"t.csv:{place}", row) for place, row in enumerate(rows, 2)))
    assert isinstance(one.what, Pair)
    assert (one.what.chosen[0].content, one.what.rejected[0].content) == ("a", "b")


def test_missing_columns_are_refused_by_name() -> None:
    with pytest.raises(
        PromptFileError, match="needs `prompt`, `completion` and `label`; its columns are: prompt"
    ):
        list(read(iter([Row("t.csv:2", {"prompt": "q"})])))


def test_a_pair_is_two_rows() -> None:
    assert [row["label"] for row in pair_rows(pair())] == [True, False]
