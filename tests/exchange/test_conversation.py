"""Turns are a conversation: one system turn, a call before each result, one id a call."""

from __future__ import annotations

import pytest

from rlaif.errors import UnkeptError
from rlaif.exchange.asked import with_system
from rlaif.exchange.conversation import check_conversation
from rlaif.records import Message, Role, ToolCall


def turn(role: Role, text: str = "x", *calls: str | None, call: str | None = None) -> Message:
    made = tuple(ToolCall(name="add", arguments="{}", id=each) for each in calls)
    return Message(role=role, content=text, tool_calls=made, tool_call_id=call)


USER, SAYS = turn("user"), turn("assistant")
WHOLE = [
    [turn("system"), USER, SAYS, USER],
    [USER, turn("developer"), USER],
    [USER, turn("assistant", "", "a", "b"), turn("tool", call="b"), turn("tool", call="a"), SAYS],
    [USER, turn("assistant", "", None, None), turn("tool"), turn("tool"), SAYS],
    [USER, turn("assistant", "", "a"), turn("tool"), turn("assistant", "", "a"), turn("tool", call="a")],
    [USER, turn("assistant", "", "a"), USER],
    [USER, turn("assistant", "<tool_call>{}</tool_call>"), turn("tool"), turn("tool"), SAYS],
]
BROKEN = [
    ([turn("system"), turn("system"), USER], "m[1] is a second system turn"),
    (
        [turn("system"), USER, turn("developer")],
        "m[2] is a second system turn (developer, and system before it)",
    ),
    ([USER, turn("tool")], "m[1] is the result of a tool that nobody called before it"),
    (
        [USER, turn("assistant", "", None), turn("tool"), turn("tool")],
        "m[3] is the result of a tool that nobody",
    ),
    (
        [USER, turn("assistant", "", "a"), turn("tool", call="b")],
        "m[2] is the result of a call 'b' that nobody made",
    ),
    (
        [USER, turn("tool", call="a"), turn("assistant", "", "a")],
        "m[1] is the result of a call 'a' that nobody made",
    ),
    ([USER, turn("assistant", "", "a", "a")], "m[1] has a second call with the id 'a'"),
    (
        [USER, turn("assistant", "", "a"), turn("assistant", "", "a")],
        "m[2] has a second call with the id 'a'",
    ),
]


@pytest.mark.parametrize("said", WHOLE)
def test_a_conversation_passes(said: list[Message]) -> None:
    check_conversation(said, "f:1", "m")


@pytest.mark.parametrize(("said", "wrong"), BROKEN)
def test_what_is_no_conversation_is_told_with_its_turn_and_a_remedy(said: list[Message], wrong: str) -> None:
    with pytest.raises(UnkeptError) as caught:
        check_conversation(said, "f:1", "m")
    assert str(caught.value).startswith(f"f:1: {wrong}")
    assert caught.value.remedy


@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_system_column_may_say_the_system_turn_again_and_nothing_else(role: Role) -> None:
    said = (turn(role, "Be brief.\n"), USER)
    assert with_system(said, "Be brief.", "f:1") == said
    with pytest.raises(UnkeptError, match=f"another {role} turn"):
        with_system(said, "Be long.", "f:1")
    with pytest.raises(UnkeptError, match=f"have a {role} turn too"):
        with_system(said[::-1], "Be brief.", "f:1")
