"""What goes in comes out, row by row: conversations with tools and thoughts in the layouts of other projects."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rlaif.exchange.format import About, written_formats
from rlaif.exchange.formats.openai_preference import USER_IN_SIDE
from rlaif.exchange.formats.trainers import BESIDE_CALL
from rlaif.exchange.held import PARTS, parts_of
from rlaif.exchange.preferences.reading import read_preferences
from rlaif.exchange.preferences.writing import preference_rows, write_preferences
from rlaif.records import Message, Pair, ToolCall

FUNCTION = {
    "name": "add",
    "description": "Adds.",
    "parameters": {"type": "object", "properties": {"a": {"default": None}}},
}
TOOL = {"type": "function", "function": FUNCTION}
ABOUT = About("n", "2026-01-01", {})


def called(arguments: Any, **more: Any) -> dict[str, Any]:
    return {**more, "type": "function", "function": {"name": "add", "arguments": arguments}}


TRL_PROMPT = [
    {"role": "system", "content": "S"},
    {"role": "user", "content": "2 + 2?"},
    {"role": "assistant", "tool_calls": [called({"a": 2})], "reasoning_content": "I add."},
    {"role": "tool", "name": "add", "content": "4"},
]
OPENAI_PROMPT = [
    {"role": "developer", "content": "S"},
    {"role": "user", "content": "2 + 2?", "name": "Ann"},
    {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "weight": 0,
        "tool_calls": [called("{}", id="c")],
    },
    {"role": "tool", "tool_call_id": "c", "content": "4"},
]
SIDES = {
    "chosen": [
        {
            "role": "assistant",
            "content": "",
            "thinking": "Once more.",
            "tool_calls": [called('{"a": 4', id="d")],
        },
        {"role": "tool", "tool_call_id": "d", "content": "broken"},
        {"role": "assistant", "content": "It is 4.", "reasoning_content": "Well."},
    ],
    "rejected": [{"role": "assistant", "content": None, "refusal": "I can't add."}],
}
TRL = [
    {"prompt": TRL_PROMPT, **SIDES, "tools": [TOOL]},
    {"prompt": OPENAI_PROMPT, **SIDES, "tools": [TOOL]},
    {
        "prompt": TRL_PROMPT[:2],
        "chosen": SIDES["rejected"],
        "rejected": [{"role": "assistant", "content": "4"}],
    },
]
SHARED = [
    {
        "conversations": [
            {"from": "human", "value": "2 + 2?"},
            {"from": "function_call", "value": '{"name": "add", "arguments": {"a": 2}}'},
            {"from": "observation", "value": "4"},
            {
                "from": "function_call",
                "value": '[{"name": "add", "arguments": {}}, {"name": "add", "arguments": {}}]',
            },
            {"from": "observation", "value": "4, 5"},
        ],
        "chosen": {"from": "gpt", "value": "<think>\nHm.\n</think>\n\n4", "id": 3},
        "rejected": {
            "from": "function_call",
            "value": '<think>\nHm.\n</think>\n\n{"name": "add", "arguments": {}}',
        },
        "tools": json.dumps([FUNCTION]),
        "system": "S",
    },
    {
        "conversations": [{"from": "human", "value": "A"}],
        "chosen": {"from": "gpt", "value": "b"},
        "rejected": {"from": "gpt", "value": "c"},
    },
]
HH = [
    {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: q\n\nAssistant: b"},
    {
        "chosen": "\n\nHuman: q\n\nAssistant: a\n\nHuman: r\n\nAssistant: b",
        "rejected": "\n\nHuman: q\n\nAssistant: c\n\nHuman: s\n\nAssistant: d",
    },
    {
        "chosen": "\n\nHuman: q\n\nAssistant: a\n\nAssistant: b",
        "rejected": "\n\nHuman: q\n\nAssistant: c",
    },
    {
        "chosen": "\n\nHuman: q\n\nAssistant: a\n\nHuman: r\n\nAssistant: b",
        "rejected": "\n\nHuman: q\n\nAssistant: a\n\nHuman: s\n\nAssistant: b",
    },
]
NEMO = [
    {
        "context": OPENAI_PROMPT,
        "completions": [
            {"rank": 0, "completion": SIDES["chosen"]},
            {"rank": 1, "completion": SIDES["rejected"]},
        ],
    }
]
KTO = [
    {"prompt": TRL_PROMPT, "completion": SIDES["chosen"], "label": True, "tools": [TOOL]},
    {"prompt": TRL_PROMPT, "completion": SIDES["rejected"], "label": False, "tools": [TOOL]},
    {"prompt": TRL_PROMPT[:2], "completion": SIDES["rejected"], "label": True},
    {"prompt": TRL_PROMPT[:2], "completion": [{"role": "assistant", "content": "x"}], "label": False},
]
OPENRLHF = [
    {
        "chosen": [*TRL_PROMPT, SIDES["rejected"][0]],
        "rejected": [*TRL_PROMPT, {"role": "assistant", "content": "4", "reasoning_content": "Hm."}],
    }
]
OPENAI = [
    {
        "input": {"messages": OPENAI_PROMPT, "tools": [TOOL], "parallel_tool_calls": False},
        "preferred_output": [
            {"role": "assistant", "content": None, "tool_calls": [called("{}", id="d")]},
            {"role": "tool", "tool_call_id": "d", "content": "4"},
            {"role": "assistant", "content": "It is 4."},
        ],
        "non_preferred_output": SIDES["rejected"],
    },
    {
        "input": {
            "messages": [{"role": "user", "content": "2 + 2?"}],
            "tools": [],
            "parallel_tool_calls": True,
        },
        "preferred_output": [{"role": "assistant", "content": "4"}],
        "non_preferred_output": [{"role": "assistant", "content": "5"}],
    },
]
SETS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "trl": TRL,
    "llama-factory": SHARED,
    "hh-rlhf": HH,
    "nemo-rl": NEMO,
    "kto": KTO,
    "openrlhf": OPENRLHF,
    "openai-preference": OPENAI,
}


def saved(folder: Path, rows: Sequence[Mapping[str, Any]], name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", SETS)
def test_rows_come_out_as_they_went_in(tmp_path: Path, name: str) -> None:
    rows = SETS[name]
    found = read_preferences(saved(tmp_path, rows), format=name)
    assert found.left_out == {}
    written, left_out = preference_rows(found.pairs, format=name)
    assert left_out == {}
    assert [{key: row[key] for key in given} for row, given in zip(written, rows, strict=True)] == list(rows)


@pytest.mark.parametrize("container", ["trl-parquet", "datasets"])
def test_tables_hold_the_same(tmp_path: Path, container: str) -> None:
    pairs = read_preferences(saved(tmp_path, TRL), format="trl").pairs
    made = write_preferences(tmp_path, "train", pairs, format=container, about=ABOUT)
    assert (made.rows, made.left_out) == (len(TRL), {})
    again = read_preferences(
        tmp_path / ("train.parquet" if container == "trl-parquet" else "train"), format="trl"
    ).pairs
    assert [each.id for each in again] == [each.id for each in pairs]
    weights = [dict(turn.extra).get("weight") for turn in again[1].prompt]
    assert weights == [None, None, 0, None]
    assert again[1].rejected[0].extra["refusal"] == "I can't add."


ASK, SAY = Message(role="user", content="2 + 2?"), Message(role="assistant", content="4")
CALL = ToolCall(name="add", arguments="{}", id="c")
ELSE = Message(role="assistant", content="5")


def holder(*chosen: Message, prompt: Sequence[Message] = (ASK,), tools: Any = ()) -> Pair:
    sides = (chosen or (SAY,)), (ELSE, *chosen[1:])
    return Pair(prompt=tuple(prompt), chosen=sides[0], rejected=sides[1], label_prob=1.0, tools=tools)


HOLDERS = {
    "thoughts": holder(Message(role="assistant", content="4", thought="Hm.")),
    "calls": holder(Message(role="assistant", content="", tool_calls=(CALL,))),
    "tools": holder(tools=(TOOL,)),
    "names": holder(prompt=[Message(role="user", content="2 + 2?", name="Ann")]),
    "developer": holder(prompt=[Message(role="developer", content="S"), ASK]),
    "turns": holder(SAY, ASK, SAY),
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", written_formats())
def test_a_format_carries_a_part_or_leaves_the_pair_out_by_name(tmp_path: Path, name: str, part: str) -> None:
    pair = HOLDERS[part]
    assert parts_of(pair) == {part}
    made = write_preferences(tmp_path, "train", [pair], format=name, about=ABOUT)
    if made.rows:
        path = tmp_path / "train" if name == "datasets" else made.files[0]
        (again,) = read_preferences(path, format=name).pairs
        if (name, part) == ("llama-factory", "thoughts"):  # between its marks
            assert again.chosen[0].content == "<think>\nHm.\n</think>\n\n4"
        else:
            assert again.id == pair.id
    elif (name, part) == ("openai-preference", "turns"):  # it holds those that no user is among
        assert made.left_out == {USER_IN_SIDE: 1}
    else:
        (reason,) = made.left_out
        assert reason.startswith(f"the format has no place for {PARTS[part]} (export as ")
        assert re.search(r" or [\w-]+\)$", reason)
        assert reason.count(" or ") == 1
        assert "trl" in reason


def test_what_llama_factory_cannot_say_is_left_out(tmp_path: Path) -> None:
    for turn in (
        Message(role="assistant", content="I add.", tool_calls=(CALL,)),
        Message(
            role="assistant", content="", tool_calls=(ToolCall(name="add", arguments='{"a', as_text=True),)
        ),
    ):
        pair = Pair(prompt=(ASK,), chosen=(turn,), rejected=(SAY,), label_prob=1.0)
        assert preference_rows([pair], format="llama-factory") == ([], {BESIDE_CALL: 1})


@pytest.mark.parametrize("formatting", ["sharegpt", "openai"])
def test_a_registered_set_with_tools_is_read(tmp_path: Path, formatting: str) -> None:
    openai = {
        "messages": [
            {"role": "user", "content": "A"},
            {"role": "assistant", "content": None, "tool_calls": [called("{}", id="c")]},
            {"role": "tool", "tool_call_id": "c", "content": "4"},
        ],
        "chosen": {"role": "assistant", "content": "4"},
        "rejected": {"role": "assistant", "content": "5"},
        "tools": [TOOL],
    }
    row = SHARED[0] if formatting == "sharegpt" else openai
    (tmp_path / "rows.json").write_text(json.dumps([row]))
    columns = {"messages": next(iter(row)), "chosen": "chosen", "rejected": "rejected", "tools": "tools"}
    entry = {"file_name": "rows.json", "formatting": formatting, "ranking": True, "columns": columns}
    (tmp_path / "dataset_info.json").write_text(json.dumps({"x": entry}))
    (pair,) = read_preferences(tmp_path / "dataset_info.json").pairs
    assert pair.tools == (TOOL,)
    assert [each.role for each in pair.prompt][-2:] == ["assistant", "tool"]
    assert pair.prompt[-2].tool_calls
