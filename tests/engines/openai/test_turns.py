"""Turns as a server's JSON: every field of a turn is sent, calls and their results keep together."""

from __future__ import annotations

from rlaif.engines.openai.turns import turns
from rlaif.records import Message, ToolCall

CALL = ToolCall(name="look", arguments='{"at": "sky"}', id="c1")


def able(_: str) -> bool:
    return True


def test_a_plain_turn_is_its_role_and_its_content() -> None:
    assert turns([Message(role="user", content="?")], able) == [{"role": "user", "content": "?"}]


def test_calls_results_and_names_are_sent_as_servers_read_them() -> None:
    sent = turns(
        [
            Message(role="user", content="?", name="ann"),
            Message(role="assistant", content="", thought="hm", tool_calls=(CALL,)),
            Message(role="tool", content="blue", tool_call_id="c1", name="look"),
        ],
        able,
    )
    function = {"name": "look", "arguments": '{"at": "sky"}'}
    assert sent == [
        {"role": "user", "content": "?", "name": "ann"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
            "reasoning_content": "hm",
            "reasoning": "hm",
        },
        {"role": "tool", "content": "blue", "name": "look", "tool_call_id": "c1"},
    ]


def test_calls_without_ids_get_some_that_their_results_name_in_their_order() -> None:
    bare = ToolCall(name="look", arguments="{}")
    talk = [
        Message(role="assistant", content="I look.", tool_calls=(bare, bare)),
        Message(role="tool", content="one"),
        Message(role="tool", content="two"),
        Message(role="assistant", content="", tool_calls=(bare,)),
        Message(role="tool", content="three"),
    ]
    sent = turns(talk, able)
    calls = [call["id"] for turn in sent for call in turn.get("tool_calls", ())]
    assert [turn["tool_call_id"] for turn in sent if turn["role"] == "tool"] == calls
    assert len(set(calls)) == 3
    assert all(len(each) == 9 and each.isalnum() for each in calls)  # as Mistral's models want them
    assert turns(talk, able) == sent


def test_a_result_of_no_call_is_sent_without_an_id() -> None:
    assert turns([Message(role="tool", content="x")], able) == [{"role": "tool", "content": "x"}]
