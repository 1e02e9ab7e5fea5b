"""The tools that a row offers: schemas under both names, in both forms, also as JSON text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import UnkeptError
from rlaif.exchange.completions import read_completions, write_completions
from rlaif.exchange.examples import read_examples, write_examples
from rlaif.exchange.pairs import read_pairs, write_pairs
from rlaif.exchange.prompts import read_prompts, write_prompts
from rlaif.exchange.tools import bare, tools_of
from rlaif.records import Completion, Example, Message, Pair, Prompt

FUNCTION = {"name": "add", "description": "Adds.", "parameters": {"type": "object", "properties": {}}}
TOOL = {"type": "function", "function": FUNCTION}


@pytest.mark.parametrize(
    "row",
    [
        {"tools": [TOOL]},
        {"tools": [FUNCTION], "functions": None},
        {"functions": [FUNCTION]},
        {"tools": [{"type": "function", **FUNCTION}]},
        {"tools": json.dumps([TOOL])},
        {"functions": json.dumps([FUNCTION]), "tools": ""},
        {"tools": TOOL},
    ],
)
def test_tools_are_one_list_however_they_are_written(row: dict[str, Any]) -> None:
    assert tools_of(row, "f:1") == (TOOL,)


@pytest.mark.parametrize("row", [{}, {"tools": []}, {"tools": None}, {"tools": "[]"}, {"functions": "null"}])
def test_no_tools_are_none(row: dict[str, Any]) -> None:
    assert tools_of(row, "f:1") == ()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"tools": "search, add"}, "column `tools` is text and no JSON"),
        ({"tools": 3}, "column `tools` is a int"),
        ({"tools": ["add"]}, r"`tools`\[0\] is a str"),
        ({"tools": [TOOL, {"type": "function"}]}, r"`tools`\[1\] is no schema of a function"),
        ({"functions": [{"input_schema": {}, "name": "add"}]}, r"`functions`\[0\] is no schema"),
        ({"tools": [TOOL], "functions": [FUNCTION]}, "both `tools` and `functions`"),
    ],
)
def test_what_is_no_tool_is_refused_with_its_place_and_remedy(row: dict[str, Any], said: str) -> None:
    with pytest.raises(UnkeptError, match=f"f:1: {said}") as caught:
        tools_of(row, "f:1")
    assert caught.value.remedy


def test_a_servers_own_kind_of_tool_and_further_keys_are_kept() -> None:
    own = {"type": "web_search", "filters": {"a": None}}
    strict = {**TOOL, "cache": True}
    assert tools_of({"tools": [own, strict]}, "f:1") == (own, strict)
    assert (bare(TOOL), bare(own), bare(strict)) == (FUNCTION, own, strict)


@pytest.mark.parametrize(
    "tool",
    [
        {"name": "add"},
        FUNCTION,
        {"type": "function", **FUNCTION},
        {"function": FUNCTION},
        {"function": {"name": "add"}, "cache": True},
        {"type": "web_search", "name": "add"},
        {**FUNCTION, "examples": (1, 2)},
        TOOL,
    ],
)
def test_ids_of_what_was_made_with_a_tool_in_any_form_survive_its_file(
    tool: dict[str, Any], tmp_path: Path
) -> None:
    asked = Prompt(messages=(Message(role="user", content="2 + 2?"),), tools=(tool,))
    one, other = (Completion(prompt_id=asked.id, text=text, policy="p") for text in ("4", "5"))
    made = Pair(prompt=asked.messages, chosen=one.turns, rejected=other.turns, label_prob=0.9, tools=(tool,))
    assert made.completion_ids == (one.id, other.id)
    write_pairs(tmp_path / "pairs.jsonl", [made])
    write_prompts(tmp_path / "prompts.jsonl", [asked])
    write_completions(tmp_path / "completions.jsonl", [(asked, one)])
    [pair], [prompt] = read_pairs(tmp_path / "pairs.jsonl"), read_prompts(tmp_path / "prompts.jsonl")
    [(again, said)] = read_completions(tmp_path / "completions.jsonl")
    assert (pair.id, prompt.id, again.id, said.id) == (made.id, asked.id, asked.id, one.id)


def test_an_example_has_its_tools_in_the_form_of_its_file(tmp_path: Path) -> None:
    turns = (Message(role="user", content="2 + 2?"), Message(role="assistant", content="4"))
    made = Example(messages=turns, tools=(FUNCTION,))
    write_examples(tmp_path / "examples.jsonl", [made])
    assert read_examples(tmp_path / "examples.jsonl") == [made]
