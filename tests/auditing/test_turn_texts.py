"""What is counted of turns, and what people read of them."""

from __future__ import annotations

from rlaif.auditing.turn_texts import (
    answer_of,
    call_text,
    last_asked,
    shown_text,
    tool_names,
    turn_title,
)
from rlaif.records import Completion, Message, ToolCall

CALL = ToolCall(name="add", arguments='{"a": 2,\n "b": 3}')
SIDE = (
    Message(role="assistant", content="I add.", thought="two and three", tool_calls=(CALL,)),
    Message(role="tool", content="5", name="add"),
    Message(role="assistant", content="It is 5.", thought="five"),
)


def test_the_answer_of_a_completion_is_that_of_its_turns() -> None:
    whole = Completion(prompt_id="p", text="It is 5.", policy="m", thought="five", lead=SIDE[:2])
    assert answer_of(whole) == "I add.\n\nIt is 5."
    assert answer_of(Completion(prompt_id="p", text="  5 ", policy="m", thought="five")) == "  5 "


def test_a_side_in_plain_text_says_who_speaks_where_there_are_several() -> None:
    assert shown_text(SIDE) == (
        'assistant: I add.\ntool call: add({"a": 2,\n "b": 3})\ntool result (add): 5\nassistant: It is 5.'
    )
    assert shown_text(SIDE[2:]) == "It is 5."
    assert shown_text((Message(role="assistant", content="", tool_calls=(CALL,)),)) == (
        f"tool call: {call_text(CALL)}"
    )


def test_a_prompt_that_ends_with_a_result_is_listed_by_it() -> None:
    assert last_asked((Message(role="user", content="Hi."),)) == "Hi."
    assert last_asked(SIDE[:2]) == "tool result (add): 5"
    assert last_asked(()) == ""


def test_no_name_forges_a_heading() -> None:
    turn = Message(role="tool", content="5", name="add\n\nchosen\n    " + "x" * 100)
    assert turn_title(turn).startswith("tool result (add chosen xxx")
    assert "\n" not in turn_title(turn)
    assert len(turn_title(turn)) < 80
    assert call_text(ToolCall(name="a\nb", arguments="{}")) == "a b({})"


def test_tools_are_named_by_either_shape_of_their_schema() -> None:
    assert tool_names([{"type": "function", "function": {"name": "add"}}, {"name": "search"}, {}]) == [
        "add", "search", "?",
    ]  # fmt: skip
