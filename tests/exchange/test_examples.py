"""Examples to learn from: rows end with the assistant's turn."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.examples import read_examples, write_examples
from rlaif.records import Example, Message

TURNS = (Message(role="user", content="Is it brief?"), Message(role="assistant", content="yes"))


def test_written_examples_are_read_back(tmp_path: Path) -> None:
    wanted = [
        Example(messages=TURNS, kind="judge"),
        Example(messages=(Message(role="system", content=""), *TURNS)),
        Example(messages=(*TURNS, *TURNS), learned=3),
    ]
    path = tmp_path / "examples.jsonl"
    assert write_examples(path, wanted) == 3
    assert read_examples(path) == wanted
    assert read_examples(path, limit=1) == wanted[:1]


USER, SAID = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "a"}, "an object with `messages`"),
        ([USER, SAID], "an object with `messages`"),
        ({"messages": "a"}, "must end with the assistant's turn"),
        ({"messages": [SAID]}, "must end with the assistant's turn"),
        ({"messages": [USER, SAID, USER]}, "must end with the assistant's turn"),
        ({"messages": [USER, {"role": "assistant", "content": None}]}, "no content"),
        ({"messages": [USER, SAID], "kind": 1}, "`kind` must be a word"),
        ({"messages": [USER, SAID], "learned": 0}, "1 or more"),
        ({"messages": [USER, SAID], "learned": 2}, "one turn at least stands before them"),
        ({"messages": [USER, SAID], "learned": True}, "`learned` is True"),
    ],
)
def test_a_broken_row_is_one_message_with_its_line(tmp_path: Path, row: Any, said: str) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text(json.dumps({"messages": [USER, SAID]}) + "\n" + json.dumps(row) + "\n")
    with pytest.raises(PromptFileError) as caught:
        read_examples(path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert said in str(caught.value)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "examples.jsonl").write_text("")
    with pytest.raises(PromptFileError, match="holds no example"):
        read_examples(tmp_path / "examples.jsonl")


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"instruction": "Say.", "input": "Sky", "output": "b"}, ["user:Say.\nSky", "assistant:b"]),
        (
            {"instruction": "Say.", "input": "", "output": "b", "system": "S"},
            ["system:S", "user:Say.", "assistant:b"],
        ),
        ({"prompt": "a", "completion": "b"}, ["user:a", "assistant:b"]),
        ({"prompt": [USER], "completion": [SAID]}, ["user:a", "assistant:b"]),
        (
            {
                "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}],
                "system": "S",
            },
            ["system:S", "user:a", "assistant:b"],
        ),
        (
            {"instruction": "c", "history": [["a", "b"]], "output": "d"},
            ["user:a", "assistant:b", "user:c", "assistant:d"],
        ),
    ],
)
def test_layouts_of_other_projects_are_read_whole(
    tmp_path: Path, row: Any, wanted: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (found,) = read_examples(path)
    assert [f"{each.role}:{each.content}" for each in found.messages] == wanted
    assert caplog.text == ""
    path.write_text(json.dumps({**row, "source": "x"}) + "\n")
    read_examples(path)
    assert "left out: source (no meaning here)" in caplog.text
    path.write_text(json.dumps({**row, "tools": [{}]}) + "\n")
    with pytest.raises(PromptFileError, match=r":1: `tools`\[0\] is no schema of a function"):
        read_examples(path)


def test_a_conversation_with_thoughts_and_tools_is_written_as_it_was_read(tmp_path: Path) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    rows = [
        {
            "kind": "",
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "2 + 2?"},
                {"role": "assistant", "content": None, "tool_calls": [call], "weight": 0},
                {"role": "tool", "tool_call_id": "c", "content": "4"},
                {"role": "assistant", "content": "4", "reasoning_content": "Hm."},
            ],
            "tools": [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}],
        },
        {"kind": "x", "messages": [USER, SAID]},
    ]
    path = tmp_path / "examples.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_examples(path, read_examples(path))
    assert [json.loads(line) for line in path.read_text().splitlines()] == rows


def test_a_column_beside_an_answer_is_its_thought(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text(json.dumps({"prompt": "a", "completion": "b", "reasoning": "Hm."}) + "\n")
    assert read_examples(path)[0].messages[-1].thought == "Hm."


def test_weights_and_what_a_teacher_is_shown_are_read_back(tmp_path: Path) -> None:
    asked, said = Message(role="user", content="Why?"), Message(role="assistant", content="So.")
    rule = Message(role="system", content="Be kind.")
    held = Example(messages=(asked, said), weight=0.5, teacher=(rule, asked))
    path = tmp_path / "examples.jsonl"
    write_examples(path, [held])
    assert read_examples(path) == [held]
    path.write_text(
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "weight": -1}\n'
    )
    with pytest.raises(PromptFileError, match="`weight` is -1"):
        read_examples(path)
