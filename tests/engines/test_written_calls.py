from __future__ import annotations

import pytest

from rlaif.engines.written_calls import read_calls
from rlaif.records import ToolCall
from tests.engines.test_chat_turns import TOOLS

LEFT = ToolCall(name="oven", arguments='{"where": "left"}')
HERMES = '<tool_call>\n{"name": "oven", "arguments": {"where": "left"}}\n</tool_call>'


@pytest.mark.parametrize(
    ("text", "said", "calls"),
    [
        (HERMES, "", (LEFT,)),
        (f"Checking.\n{HERMES}\n{HERMES}", "Checking.", (LEFT, LEFT)),
        (HERMES.removesuffix("\n</tool_call>"), "", (LEFT,)),
        ('[TOOL_CALLS][{"name": "oven", "arguments": {"where": "left"}}]', "", (LEFT,)),
        (
            'Well.[TOOL_CALLS]oven[ARGS]{"where": "left"}[TOOL_CALLS]oven[CALL_ID]a1b2c3d4e[ARGS]{}',
            "Well.",
            (LEFT, ToolCall(name="oven", arguments="{}", id="a1b2c3d4e")),
        ),
        ('{"name": "oven", "parameters": {"where": "left"}}', "", (LEFT,)),
        (
            '<|python_tag|>{"name": "oven", "parameters": {"where": "left"}}; {"name": "oven"}',
            "",
            (LEFT, ToolCall(name="oven", arguments="{}")),
        ),
        # broken arguments are the model's own, and kept
        ("[TOOL_CALLS]oven[ARGS]{where", "", (ToolCall(name="oven", arguments="{where"),)),
    ],
)  # fmt: skip
def test_calls_are_read_in_the_forms_of_known_makes(
    text: str, said: str, calls: tuple[ToolCall, ...]
) -> None:
    found = read_calls(text, TOOLS)
    assert found == (said, calls)
    assert [each.id for each in found[1]] == [each.id for each in calls]


@pytest.mark.parametrize(
    "text",
    [
        "the oven is hot",
        HERMES.replace("oven", "stove"),
        HERMES.replace('"arguments"', "arguments"),
        f"{HERMES}<tool_call>{{1}}</tool_call>",
        '{"name": "oven"} is what I would call',
        '{"where": "left"}',
        "{" * 9999,
        "[TOOL_CALLS][1]",
        "[TOOL_CALLS]oven",
    ],
)
def test_what_is_no_call_of_a_given_tool_stays_text(text: str) -> None:
    assert read_calls(text, TOOLS) == (text, ())
