"""What two texts share, and that marking loses nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rlaif.auditing.differences import MAX_PARTS, differences, marked


def test_a_changed_phrase_is_one_piece() -> None:
    left, right = differences("Hello there, bake bread.", "Now bake bread.")
    assert marked(left) == "[Hello there, ]bake bread."
    assert marked(right) == "[Now ]bake bread."


def test_equal_texts_have_no_marks() -> None:
    left, right = differences("same words", "same words")
    assert marked(left) == marked(right) == "same words"


@given(st.text(), st.text())
def test_pieces_put_together_are_the_texts(one: str, other: str) -> None:
    left, right = differences(one, other)
    assert "".join(each.text for each in left) == one
    assert "".join(each.text for each in right) == other
    assert [each.text for each in left if each.shared] == [each.text for each in right if each.shared]


def test_long_texts_are_shown_whole() -> None:
    text = "word " * (MAX_PARTS + 1)
    assert [each.text for each in differences(text, "x")[0]] == [text]
