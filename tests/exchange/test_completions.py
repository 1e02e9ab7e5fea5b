"""Completions brought along: the shapes that are read, and what a broken row is told."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import PromptFileError, UnkeptError
from rlaif.exchange.completions import by_prompt, read_completions, write_completions
from rlaif.exchange.pairs import row_pair
from rlaif.exchange.prompts import read_prompts, write_prompts
from rlaif.exchange.turns import turn_rows
from rlaif.records import Completion, Message, Origin, Prompt, ToolCall, completion_of


def write(folder: Path, *rows: Any) -> Path:
    path = folder / "completions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


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
        (
            {"prompt": "A", "completion": [{"role": "user", "content": "x"}]},
            "must end with the assistant's turn",
        ),
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


CALLS = [{"id": "c", "type": "function", "function": {"name": "add", "arguments": {"a": 2}}}]


@pytest.mark.parametrize("column", ["thought", "reasoning_content", "reasoning", "thinking"])
def test_a_column_beside_a_text_is_its_thought(tmp_path: Path, column: str) -> None:
    path = write(
        tmp_path,
        {"prompt": "A", "completion": "x", column: ""},
        {"prompt": "A", "completion": "x", column: "Hm."},
        {"prompt": "A", "completion": {"role": "assistant", "content": "x"}, column: "Hm."},
    )
    plain, *thinking = [said for _, said in read_completions(path)]
    assert plain.thought == ""
    assert {each.id for each in thinking} == {replace(plain, thought="Hm.").id}


def test_several_completions_have_a_thought_each(tmp_path: Path) -> None:
    row = {"prompt": "A", "completions": ["x", "y"], "thoughts": ["Hm.", None]}
    assert [said.thought for _, said in read_completions(write(tmp_path, row))] == ["Hm.", ""]
    for wrong, said in (
        ({"thoughts": ["Hm."]}, "`thoughts` must be a list"),
        ({"thought": "Hm."}, "column `thought` beside several"),
    ):
        with pytest.raises(PromptFileError, match=said):
            read_completions(write(tmp_path, {"prompt": "A", "completions": ["x", "y"], **wrong}))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"completion": [{"role": "assistant", "content": "x", "thought": "a"}], "thought": "b"}, "keep one"),
        (
            {"completion": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "x"}]},
            "must begin",
        ),
        (
            {"completion": [{"role": "tool", "content": "x"}, {"role": "assistant", "content": "x"}]},
            "nobody called",
        ),
        ({"completion": "x", "tool_calls": "add"}, "is text and no JSON"),
        ({"completion": "x", "thoughts": ["Hm."]}, "column `thoughts` beside one completion"),
        ({"completion": "x", "turn_keys": 1}, "`turn_keys` must be an object"),
        ({"completion": "x", "open_thought": 1}, "`open_thought` is 1"),
    ],
)
def test_an_answer_that_is_no_side_is_refused(tmp_path: Path, row: Any, said: str) -> None:
    with pytest.raises(PromptFileError, match=said):
        read_completions(write(tmp_path, {"prompt": "A", **row}))


def test_a_written_completion_comes_back_whole(tmp_path: Path) -> None:
    call = ToolCall(name="add", arguments='{"a": 2}', id="c")
    lead = (
        Message(role="assistant", content="", thought="Add.", tool_calls=(call,)),
        Message(role="tool", content="4", tool_call_id="c", extra={"took": 0.5}),
    )
    prompt = Prompt(
        messages=(Message(role="user", content="2 + 2?"),),
        tools=({"type": "function", "function": {"name": "add"}},),
        meta={
            "thought": "of a column",
            "lead": 1,
            "tools": "none",
            "tool_calls": [],
            "turn_keys": {},
            "extra": 3,
        },
    )
    plain = Completion(prompt_id=prompt.id, text="x", policy="p")
    said = [
        plain,
        replace(plain, thought="Hm.", open_thought=True, text="", finish="length"),
        replace(plain, tool_calls=(call,), text="", extra={"content": None, "weight": 0}),
        replace(plain, lead=lead, thought="Hm.", text="4"),
    ]
    write_completions(path := tmp_path / "c.jsonl", [(prompt, each) for each in said])
    again = read_completions(path)
    assert [each for _, each in again] == said
    assert [each.turns for _, each in again] == [each.turns for each in said]
    assert [dict(each.extra) for _, each in again] == [dict(each.extra) for each in said]
    assert [dict(turn.extra) for turn in again[3][1].lead] == [{}, {"took": 0.5}]
    assert {each.id for each, _ in again} == {prompt.id}
    assert dict(again[0][0].meta) == dict(prompt.meta)


@pytest.mark.parametrize("name", ["messages", "conversations"])
def test_the_last_turn_of_a_log_is_its_completion(tmp_path: Path, name: str) -> None:
    logged = [
        {"role": "user", "content": "2 + 2?"},
        {"role": "assistant", "content": None, "tool_calls": CALLS},
        {"role": "tool", "tool_call_id": "c", "content": "4"},
        {"role": "assistant", "content": "It is 4.", "reasoning_content": "4", "weight": 1},
    ]
    if name == "conversations":
        logged[0] = {"from": "human", "value": "2 + 2?"}
        logged[3] = {"from": "gpt", "value": "It is 4.", "reasoning_content": "4", "weight": 1}
    ((prompt, said),) = read_completions(write(tmp_path, {name: logged}))
    assert [each.role for each in prompt.messages] == ["user", "assistant", "tool"]
    assert (said.text, said.thought, said.lead, said.extra["weight"]) == ("It is 4.", "4", (), 1)


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


def test_a_column_that_is_called_lead_and_holds_no_turns_is_a_column(tmp_path: Path) -> None:
    ((found, said),) = read_completions(
        write(tmp_path, {"prompt": "A", "completion": "x", "lead": "Ann", "extra": 3})
    )
    assert (dict(found.meta), said.lead, dict(said.extra)) == ({"lead": "Ann", "extra": 3}, (), {})


@pytest.mark.parametrize(
    "further",
    [
        {"name": "Ada"},
        {"name": "Ada", "thought": "2"},
        {"name": "", "weight": 1},
        {"name": None},
        {"tool_call_id": "a"},
        {"refusal": "No.", "content": None},
        {"tool_calls": [{"function": {"name": "f", "arguments": {}}, "index": 0}]},
    ],
)
@pytest.mark.parametrize("lead", [[], [{"role": "assistant", "content": "0", "name": "Bo"}, user("more")]])
def test_a_completion_has_the_id_of_its_side_and_comes_back_with_all_its_turns(
    tmp_path: Path, further: dict[str, Any], lead: list[dict[str, Any]]
) -> None:
    last = {"role": "assistant", "content": "4", **further}
    pair = row_pair({"prompt": "2 + 2?", "chosen": [*lead, last], "rejected": "5"})
    asked = Prompt(messages=pair.prompt)
    said = completion_of(asked.id, pair.chosen, policy="p")
    assert said.id == pair.completion_ids[0]
    path = tmp_path / "completions.jsonl"
    write_completions(path, [(asked, said)])
    [(_, again)] = read_completions(path)
    assert (again, again.turns, again.id) == (said, pair.chosen, said.id)
    assert turn_rows(again.turns) == turn_rows(pair.chosen)


def test_a_name_in_turn_keys_is_text(tmp_path: Path) -> None:
    row = {
        "prompt": "A",
        "completion": "x",
        "policy": "p",
        "draw": 0,
        "finish": "stop",
        "turn_keys": {"name": 1},
    }
    with pytest.raises(PromptFileError, match=r"`turn_keys.name` is 1; it must be text"):
        read_completions(write(tmp_path, row))


def test_where_a_completion_comes_from_is_read_back_and_no_part_of_its_id(tmp_path: Path) -> None:
    asked = prompt("Why?")
    first = Completion(prompt_id=asked.id, text="Because.", policy="p")
    origin = Origin(kind="revision", parent=first.id, stage=2, critique="It is rude.", principle="kind")
    revised = replace(first, origin=origin)
    path = tmp_path / "made.jsonl"
    write_completions(path, [(asked, revised), (asked, first)])
    assert [said.origin for _, said in read_completions(path)] == [origin, None]
    assert revised.id == first.id
    row = json.loads(path.read_text().splitlines()[0])
    for wrong, said in (
        (["revision"], "must be an object"),
        ({"kind": 3}, "must be text"),
        ({"kin": ""}, "kind"),
    ):
        broken = write(tmp_path, row | {"origin": wrong})
        with pytest.raises(PromptFileError, match=said):
            read_completions(broken)


def test_a_column_of_another_that_is_called_origin_stays_a_column(tmp_path: Path) -> None:
    path = write(tmp_path, {"prompt": "Why?", "completion": "So.", "origin": "a forum"})
    [(asked, said)] = read_completions(path)
    assert (said.origin, asked.meta["origin"]) == (None, "a forum")


def test_a_turn_with_two_calls_of_one_id_is_not_written(tmp_path: Path) -> None:
    # a reader refuses it: a result could not say which call it answers
    call = ToolCall(name="add", arguments="{}", id="c1")
    asked = prompt("Add.")
    last = Message(role="assistant", content="", tool_calls=(call, call))
    twice = completion_of(asked.id, [last], policy="p")
    with pytest.raises(UnkeptError, match="second call with the id 'c1'"):
        write_completions(tmp_path / "c.jsonl", [(asked, twice)])
    assert not (tmp_path / "c.jsonl").exists()
