"""Completions brought along: the shapes that are read, and what a broken row is told."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.completions import by_prompt, read_completions, write_completions
from rlaif.exchange.prompts import read_prompts, write_prompts
from rlaif.records import Completion, Message, Prompt


def write(folder: Path, *rows: Any) -> Path:
    path = folder / "completions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def prompt(text: str, **more: Any) -> Prompt:
    return Prompt(messages=(Message(role="user", content=text),), **more)


def test_written_completions_are_read_back(tmp_path: Path) -> None:
    one, two = prompt("A", tags=("x",), gold="micro", meta={"task": "bread"}), prompt("B")
    wanted = [
        (one, Completion(prompt_id=one.id, text="Yes.", policy="b2:1", draw=0, token_ids=(4, 5))),
        (one, Completion(prompt_id=one.id, text="No", policy="b2:1", draw=1, finish="length")),
        (two, Completion(prompt_id=two.id, text="", policy="b2:2", draw=3)),
    ]
    path = tmp_path / "completions.jsonl"
    assert write_completions(path, wanted) == 3
    assert read_completions(path) == wanted


def test_each_shape_of_row_is_read(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "A"}, {"role": "assistant", "content": "three"}]
    path = write(
        tmp_path,
        {"prompt": "A", "completion": "one", "policy": "gpt"},
        {"prompt": "A", "completions": ["two", "two b"]},
        {"messages": turns},
        {"messages": turns[:1], "completion": [{"role": "assistant", "content": "four"}]},
        {"prompt": "B", "completion": "five", "tags": ["x"]},
    )
    found = read_completions(path)
    assert [said.text for _, said in found] == ["one", "two", "two b", "three", "four", "five"]
    assert [said.draw for _, said in found] == [0, 1, 2, 3, 4, 0]
    assert [said.policy for _, said in found] == ["gpt", *["given"] * 5]
    assert {said.finish for _, said in found} == {"given"}
    assert len({each.id for each, _ in found}) == 2
    assert found[-1][0].tags == ("x",)
    assert all(said.prompt_id == each.id for each, said in found)


def test_completions_are_grouped_by_prompt_in_order(tmp_path: Path) -> None:
    rows = [{"prompt": name, "completion": str(place)} for place, name in enumerate("ABA")]
    groups = list(by_prompt(read_completions(write(tmp_path, *rows))))
    assert [(each.text, [said.text for said in group]) for each, group in groups] == [
        ("A", ["0", "2"]),
        ("B", ["1"]),
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "A"}, "no `completion` (columns: prompt)"),
        ({"completion": "x"}, "no `prompt` or `messages`"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "no `completion`"),
        ({"prompt": "A", "completion": "x", "completions": ["y"]}, "both `completion` and `completions`"),
        ({"prompt": "A", "completions": []}, "at least one"),
        ({"prompt": "A", "completions": "x"}, "a list of texts"),
        ({"prompt": "A", "completion": 3}, "must be text or a list of turns"),
        ({"prompt": "A", "completion": [{"role": "user", "content": "x"}]}, "one assistant turn"),
        ({"prompt": "A", "completion": "x", "finish": "later"}, "must be one of stop, length, given"),
        ({"prompt": "A", "completion": "x", "draw": -1}, "whole number"),
        ({"prompt": "A", "completion": "x", "draw": 1.5}, "whole number"),
        ({"prompt": "A", "completion": "x", "draw": True}, "whole number"),
        (
            {"prompt": "A", "completion": "x", "token_ids": "1 2"},
            "`token_ids` must be a list of whole numbers",
        ),
        ({"prompt": "A", "completion": "x", "policy": 3}, "`policy` must be text"),
        ([], "must be an object"),
    ],
)
def test_a_broken_row_is_one_message_with_its_line(tmp_path: Path, row: Any, said: str) -> None:
    path = write(tmp_path, {"prompt": "A", "completion": "x"}, row)
    with pytest.raises(PromptFileError) as caught:
        read_completions(path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert said in str(caught.value)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PromptFileError, match="holds no completion"):
        read_completions(write(tmp_path))


def test_a_row_that_was_written_here_is_read_to_the_letter(tmp_path: Path) -> None:
    written = {
        "prompt": "A",
        "system": "S",
        "input": "B",
        "completion": "x",
        "policy": "p",
        "draw": 0,
        "finish": "stop",
    }
    ((prompt, _),) = read_completions(write(tmp_path, written))
    assert [each.content for each in prompt.messages] == ["A"]
    assert prompt.meta == {"system": "S", "input": "B"}
    ((prompt, _),) = read_completions(write(tmp_path, {"prompt": "A", "system": "S", "completion": "x"}))
    assert [each.content for each in prompt.messages] == ["S", "A"]


@pytest.mark.parametrize("column", ["reasoning_content", "tool_calls", "thinking"])
def test_an_answer_that_is_more_than_its_text_is_refused(tmp_path: Path, column: str) -> None:
    path = write(
        tmp_path,
        {"prompt": "A", "completion": "x", column: ""},
        {"prompt": "A", "completion": "x", column: "y"},
    )
    with pytest.raises(PromptFileError, match=f":2: column `{column}` is filled"):
        read_completions(path)


def test_columns_of_a_prompt_file_that_are_called_as_ours_collide_with_none(tmp_path: Path) -> None:
    meta = {
        "messages": [{"role": "user", "content": "A"}], "completions": [1], "completion": "c", "policy": 3, "draw": "x",
        "columns": {"a": 1}, "tags": [1], "source": "s",
    }  # fmt: skip
    for turns in (("A",), ("A", "B", "C")):
        messages = tuple(
            Message(role="assistant" if place % 2 else "user", content=text)
            for place, text in enumerate(turns)
        )
        prompt = Prompt(messages=messages, meta=meta)
        said = Completion(prompt_id=prompt.id, text="x", policy="p")
        write_completions(path := tmp_path / "c.jsonl", [(prompt, said)])
        assert read_completions(path) == [(prompt, said)]
        write_prompts(path, [prompt])
        assert read_prompts(path) == [prompt]
