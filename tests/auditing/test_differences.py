"""What two texts share, and that marking loses nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rlaif.auditing.differences import MAX_PARTS, TextPart, marked
from rlaif.auditing.differences import differences as compared
from rlaif.records import Message, ToolCall


def says(text: str, **more: Any) -> Message:
    return Message(role="assistant", content=text, **more)


def differences(one: str, other: str) -> tuple[list[TextPart], list[TextPart]]:
    """Of two sides of one turn each."""
    left, right = compared([says(one)], [says(other)])
    assert len(left) == len(right) == 1
    return left[0].content, right[0].content


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


def test_a_turn_more_on_one_side_leaves_the_others_shared() -> None:
    call = ToolCall(name="add", arguments='{"a": 2}')
    result = Message(role="tool", content="5", name="add")
    left, right = compared([says("", tool_calls=(call,)), result, says("It is 5.")], [says("It is 5.")])
    assert marked(right[0].content) == "It is 5."
    assert [marked(each.content) for each in left] == ["", "[5]", "It is 5."]
    assert marked(left[0].calls[0]) == '[add({"a": 2})]'
    assert [each.turn.role for each in left] == ["assistant", "tool", "assistant"]


def test_words_do_not_grow_together_where_a_turn_ends() -> None:
    left, _ = compared([says("blue"), says("bird")], [says("blue bird")])
    assert [marked(each.content) for each in left] == ["[blue]", "bird"]


def test_calls_that_differ_are_marked_and_thoughts_are_not_compared() -> None:
    one, other = (
        says("Well.", thought=thought, tool_calls=(ToolCall(name="add", arguments=text),))
        for thought, text in (("two", '{"a": 2}'), ("three", '{"a": 3}'))
    )
    left, right = compared([one], [other])
    assert marked(left[0].calls[0]) == 'add({"a": [2]})'
    assert marked(right[0].calls[0]) == 'add({"a": [3]})'
    assert marked(left[0].content) == marked(right[0].content) == "Well."


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4))
def test_every_turn_put_together_is_its_text(one: list[str], other: list[str]) -> None:
    for found, texts in zip(
        compared(list(map(says, one)), list(map(says, other))), (one, other), strict=True
    ):
        assert ["".join(part.text for part in each.content) for each in found] == texts
