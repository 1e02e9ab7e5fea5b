"""A turn is read whole: what has a field is there, what has none is kept under its name, what is no text is refused."""

from __future__ import annotations

import copy
import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from rlaif.errors import PromptFileError, UnkeptError
from rlaif.exchange import tool_calls as calls_module
from rlaif.exchange.turns import TRAINERS, prompt_turns, turn_rows, turns
from rlaif.records import Message, ToolCall, is_plain

CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2, "b": 2}'}}
ASK = {"role": "user", "content": "What is 2 + 2?"}
WHOLE: list[list[dict[str, Any]]] = [
    [ASK, {"role": "assistant", "content": "4"}],
    [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi", "name": "Ann"}],
    [
        ASK,
        {"role": "assistant", "content": None, "refusal": None, "annotations": [], "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "4"},
        {"role": "assistant", "content": "It is 4.", "weight": 0, "audio": None, "tool_calls": None},
    ],
    [
        ASK,
        {
            "role": "assistant",
            "tool_calls": [
                {"type": "function", "function": {"name": "add", "arguments": {"b": [2.0, None], "a": "é"}}}
            ],
        },
        {"role": "tool", "name": "add", "content": "4"},
        {"role": "assistant", "content": "4.", "reasoning_content": "2 and 2 ..."},
    ],
    [ASK, {"role": "assistant", "content": "", "thinking": "Hm.", "tool_calls": [{**CALL, "index": 0}]}],
    [ASK, {"role": "assistant", "content": None, "refusal": "I can't help with that."}],
    [ASK, {"role": "assistant", "content": "", "refusal": "I can't help with that."}],
    [ASK, {"role": "assistant", "refusal": "I can't help with that."}],
    [
        ASK,
        {
            "role": "assistant",
            "content": "4",
            "reasoning": "Two and two.",
            "reasoning_content": "Two and two.",
        },
    ],
    [ASK, {"role": "assistant", "content": "4", "thought": "Two and two.", "id": 7, "scores": [{"a": 1.5}]}],
    [
        ASK,
        {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c2", "content": "4"},
        {"role": "tool", "tool_call_id": "c1", "content": ""},
    ],
]


@pytest.mark.parametrize("rows", WHOLE)
def test_what_goes_in_comes_out(rows: list[dict[str, Any]]) -> None:
    before = copy.deepcopy(rows)
    found = turns(rows, "rows.jsonl:3", "messages", role="user")
    assert turn_rows(found) == rows == before
    written = json.loads(json.dumps(turn_rows(found)))
    assert turn_rows(turns(written, "rows.jsonl:3", "messages", role="user")) == rows


def test_the_fields_of_a_turn_are_those_of_its_row() -> None:
    _, call, result, last = turns(WHOLE[2], "f:1", "messages", role="user")
    assert call == Message(
        role="assistant",
        content="",
        tool_calls=(ToolCall(name="add", arguments='{"a": 2, "b": 2}', id="c1", as_text=True),),
    )
    assert call.tool_calls[0].as_text
    assert result == Message(role="tool", content="4", tool_call_id="c1")
    assert (last.content, dict(last.extra)) == ("It is 4.", {"weight": 0, "audio": None, "tool_calls": None})


@pytest.mark.parametrize("key", ["thought", "reasoning_content", "reasoning", "thinking"])
def test_a_thought_is_read_from_the_keys_of_all_makes(key: str) -> None:
    (turn,) = turns([{"role": "assistant", "content": "4", key: " Hm.\n"}], "f:1", "chosen", role="assistant")
    assert (turn.thought, turn.content) == (" Hm.\n", "4")
    theirs = key if key in TRAINERS else "reasoning_content"
    assert turn_rows([turn], TRAINERS) == [{"role": "assistant", "content": "4", theirs: " Hm.\n"}]


def test_a_thought_that_is_empty_is_none() -> None:
    (turn,) = turns(
        [{"role": "assistant", "content": "4", "thought": " \n"}], "f:1", "chosen", role="assistant"
    )
    assert turn.thought == ""
    assert is_plain([turn])


def test_thoughts_among_the_parts_are_thoughts() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "2 and "}, {"type": "text", "text": "2"}]},
        {"type": "text", "text": "It is "},
        {"type": "text", "text": "4."},
    ]
    (turn,) = turns([{"role": "assistant", "content": parts}], "f:1", "chosen", role="assistant")
    assert (turn.thought, turn.content) == ("2 and 2", "It is 4.")
    (turn,) = turns([{"role": "assistant", "content": parts[1:]}], "f:1", "chosen", role="assistant")
    assert turn_rows([turn]) == [{"role": "assistant", "content": "It is 4."}]


def test_a_text_with_marks_stays_a_text() -> None:
    text = "<think>2 and 2</think>It is 4."
    assert turns(text, "f:1", "chosen", role="assistant") == (Message(role="assistant", content=text),)


@pytest.mark.parametrize(
    "row",
    [
        {
            "role": "assistant",
            "content": "",
            "function_call": {"name": "add", "arguments": '{"a": 2, "b": 2}'},
        },
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"name": "add", "arguments": '{"a": 2, "b": 2}'}],
        },
        {"from": "function_call", "value": '{"name": "add", "arguments": {"a": 2, "b": 2}}'},
        {"from": "function_call", "value": '[{"name": "add", "parameters": {"a": 2, "b": 2}}]'},
        {"role": "tool_call", "content": '{"name": "add", "arguments": {"a": 2, "b": 2}}'},
        {"role": "assistant", "content": "", "tool_calls": json.dumps([CALL | {"id": None}])},
    ],
)
def test_calls_in_older_forms_are_calls(row: dict[str, Any]) -> None:
    (turn,) = turns([row], "f:1", "messages", role="user")
    assert turn == Message(
        role="assistant", content="", tool_calls=(ToolCall(name="add", arguments='{"a": 2, "b": 2}'),)
    )


@pytest.mark.parametrize("role", ["function", "observation", "tool_response", "ipython"])
def test_other_names_of_a_tools_turn_are_read(role: str) -> None:
    rows = [
        {"role": "assistant", "content": "", "function_call": {"name": "add", "arguments": "{}"}},
        {"role": role, "content": "4", "name": "add"},
    ]
    assert turns(rows, "f:1", "m", role="user")[1] == Message(role="tool", content="4", name="add")


def test_arguments_that_are_no_json_are_kept_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    calls_module._say_broken.cache_clear()
    rows = [{"role": "assistant", "content": "", "tool_calls": [{"name": "add", "arguments": '{"a": 2'}]}]
    with caplog.at_level(logging.WARNING):
        for line in (1, 2):
            (turn,) = turns(rows, f"f.jsonl:{line}", "chosen", role="assistant")
    assert turn.tool_calls[0].arguments == '{"a": 2'
    assert caplog.messages == [
        "f.jsonl: some calls have arguments that are no JSON: kept as they were written"
    ]


THINKING = {"type": "thinking", "thinking": "x"}
BROKEN: list[tuple[list[dict[str, Any]], str]] = [
    ([{**ASK, "images": ["x.png"]}], r"messages\[0\] has `images`"),
    ([{**ASK, "audio": {"id": "a"}}], r"messages\[0\] has `audio`"),
    ([{"role": "user", "content": [{"type": "image_url"}]}], r"messages\[0\] has a part of type 'image_url'"),
    ([{"role": "user", "content": [{"type": "input_audio"}]}], r"part of type 'input_audio'"),
    ([{"role": "user", "content": [{"type": "file", "file": {}}]}], r"part of type 'file'"),
    ([{"role": "user", "content": [{"type": "video"}]}], r"part of type 'video'"),
    ([{"role": "user", "content": None}], r"no content \(null\)"),
    ([{"role": "assistant", "content": {"a": 1}}], "content of type dict"),
    ([{"role": "narrator", "content": "x"}], r"has role 'narrator'; known roles: system, developer, user"),
    ([{**ASK, "tool_calls": [CALL]}], r"messages\[0\] is of user and calls tools"),
    ([{**ASK, "thought": "Hm."}], r"messages\[0\] is of user and thinks"),
    ([{"role": "assistant", "content": "", "reasoning": {"a": 1}}], "`reasoning`, which is no text"),
    ([{"role": "assistant", "content": "", "reasoning": "a", "thought": "b"}], "and reasoning, which differ"),
    ([{"role": "assistant", "tool_calls": [CALL], "function_call": CALL["function"]}], "both `tool_calls` and"),
    ([{"role": "assistant", "tool_calls": [{"type": "custom"}]}], r"tool_calls\[0\] is a call of type 'custom'"),
    ([{"role": "assistant", "tool_calls": [{"type": "function"}]}], r"tool_calls\[0\] names no function"),
    ([{"role": "assistant", "content": "", "tool_calls": [{"name": "f", "arguments": 3}]}], r"arguments is a int"),
    ([{"role": "assistant", "content": "", "tool_calls": [{"name": "f", "id": 3}]}], "has the id 3"),
    ([{"from": "function_call", "value": "add(2, 2)"}], "is text and no JSON"),
    ([{**ASK, "name": 3}], "'name' of type int"),
    ([{"role": "assistant", "content": [{"type": "text", "text": "4"}, THINKING]}], "thinks behind its text"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "said"), BROKEN)
def test_what_cannot_be_kept_is_refused_with_place_and_remedy(rows: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(PromptFileError, match=said) as caught:
        turns(rows, "rows.jsonl:3", "messages", role="user")
    assert str(caught.value).startswith("rows.jsonl:3: messages[0]")
    assert ";" in str(caught.value)


def test_a_prompt_ends_with_the_users_turn_or_a_tools_result() -> None:
    result = WHOLE[2][:3]
    assert prompt_turns(result, "f:1", "messages")[-1].role == "tool"
    with pytest.raises(
        PromptFileError, match="of assistant; a prompt ends with the user's, or with the result"
    ):
        prompt_turns(WHOLE[2], "f:1", "messages")
    with pytest.raises(UnkeptError, match="nobody called"):
        prompt_turns([ASK, WHOLE[3][2]], "f:1", "messages")


def test_a_thought_or_calls_that_are_taken_away_leave_no_key() -> None:
    call = {**CALL, "index": 0}
    row = {
        "role": "assistant",
        "content": "4",
        "reasoning_content": "Hm.",
        "tool_calls": [call],
        "function_call": None,
    }
    (turn,) = turns([row], "f:1", "chosen", role="assistant")
    assert turn_rows([turn]) == [row]
    bare = replace(turn, thought="", tool_calls=())
    assert turn_rows([bare]) == [{"role": "assistant", "content": "4", "function_call": None}]


def test_a_turn_that_says_nothing_at_all_is_refused() -> None:
    for row in (
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": None, "refusal": ""},
    ):
        with pytest.raises(PromptFileError, match=r"no content \(null\).*leave the turn out"):
            turns([row], "f:1", "chosen", role="assistant")
