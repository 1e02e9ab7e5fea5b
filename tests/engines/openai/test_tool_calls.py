"""Calls in a reply, in the forms in which servers send them."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.engines.openai.tool_calls import called
from rlaif.records import ToolCall


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ({}, ()),
        ({"tool_calls": None}, ()),
        ({"tool_calls": []}, ()),
        (
            {"tool_calls": [{"id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            (ToolCall(name="f", arguments="{}", id="x"),),
        ),
        # Gemini has no ids, Ollama sends arguments as they are, the oldest form has one call
        ({"tool_calls": [{"id": "", "function": {"name": "f", "arguments": {"a": 1}}}]},
         (ToolCall(name="f", arguments='{"a": 1}'),)),
        ({"function_call": {"name": "f", "arguments": "{"}}, (ToolCall(name="f", arguments="{"),)),
        ({"tool_calls": [{"function": {"name": "f", "arguments": None}}]}, (ToolCall(name="f", arguments="{}"),)),
        ({"tool_calls": [{"function": {"arguments": "{}"}}]}, None),
        ({"tool_calls": ["f"]}, None),
        ({"tool_calls": {"name": "f"}}, None),
    ],
)  # fmt: skip
def test_a_call_is_read_or_none_of_them_is(message: dict[str, Any], found: Any) -> None:
    assert called(message) == found
