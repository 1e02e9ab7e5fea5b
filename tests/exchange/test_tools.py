"""The tools that a row offers: schemas under both names, in both forms, also as JSON text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rlaif.errors import UnkeptError
from rlaif.exchange.tools import bare, tools_of

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
