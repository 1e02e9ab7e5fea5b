"""Thoughts beside a text: whatever a server puts into these fields comes to a text or to none."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.engines.openai.thought_fields import thought_field, thought_of


@pytest.mark.parametrize(
    ("message", "field", "thought"),
    [
        ({"content": "x"}, "", ""),
        ({"reasoning": None, "reasoning_content": ""}, "", ""),
        ({"reasoning": " hm\n", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}, "reasoning", "hm"),
        ({"thinking": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "thinking", "a\n\nb"),
        ({"reasoning": {"effort": "low", "summary": [{"text": "a"}]}}, "reasoning", "a"),
        ({"thinking_blocks": [{"type": "redacted_thinking", "data": "x"}]}, "thinking_blocks", ""),
        ({"reasoning": 7}, "reasoning", ""),
        ({"content": [{"type": "thinking", "thinking": [{"text": "a"}]}, {"type": "text", "text": "b"}]}, "", "a"),
        ({"content": {"type": "reasoning", "text": "a"}}, "", "a"),
    ],
)  # fmt: skip
def test_a_field_is_read_as_far_as_it_tells_words(message: dict[str, Any], field: str, thought: str) -> None:
    assert (thought_field(message), thought_of(message)) == (field, thought)


def test_what_is_nested_without_end_is_no_thought() -> None:
    deep: Any = "hm"
    for _ in range(50):
        deep = [deep]
    assert thought_of({"reasoning": deep}) == ""
