from __future__ import annotations

import json

import pytest

from rlaif.engines.written_calls import read_calls
from rlaif.records import ToolCall
from tests.engines.test_chat_turns import TOOLS

LEFT = ToolCall(name="oven", arguments='{"where": "left"}')
HERMES = '<tool_call>\n{"name": "oven", "arguments": {"where": "left"}}\n</tool_call>'
XML = "<tool_call>\n<function=oven>\n<parameter=where>\nleft\n</parameter>\n</function>\n</tool_call>"
HARMONY = (
    "<|start|>assistant<|channel|>commentary to=functions.oven <|constrain|>json<|message|>"
    '{"where": "left"}<|call|>'
)


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
        (XML, "", (LEFT,)),
        (f"Checking.\n{XML}\n{XML}", "Checking.", (LEFT, LEFT)),
        (XML.removeprefix("<tool_call>\n").removesuffix("\n</tool_call>"), "", (LEFT,)),
        (HARMONY, "", (LEFT,)),
        (HARMONY.removesuffix("<|call|>"), "", (LEFT,)),
        (HARMONY.replace(" <|constrain|>json", ""), "", (LEFT,)),
        # as the template writes it, with the recipient behind the role
        (
            '<|start|>assistant to=functions.oven<|channel|>commentary json<|message|>{"where": "left"}<|call|>',
            "",
            (LEFT,),
        ),
        (f"<|channel|>commentary<|message|>Checking.<|end|>{HARMONY}", "Checking.", (LEFT,)),
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
        XML.replace("oven", "stove"),
        HARMONY.replace("oven", "stove"),
        HARMONY.replace(" to=functions.oven", ""),
    ],
)
def test_what_is_no_call_of_a_given_tool_stays_text(text: str) -> None:
    assert read_calls(text, TOOLS) == (text, ())


def test_arguments_in_tags_are_what_their_schema_calls_them() -> None:
    """Lines of a text stay, the breaks beside its tags are the format's; what is no JSON stays text."""
    kinds = {"code": "string", "count": "integer", "deep": "object", "on": "boolean", "odd": "integer"}
    own = {key: {"type": kind} for key, kind in kinds.items()}
    tools = ({"type": "function", "function": {"name": "f", "parameters": {"properties": own}}},)
    values = {
        "code": "1\n\n2\n",
        "count": "3",
        "deep": '{"a": [1]}',
        "on": "true",
        "odd": "three",
        "new": "4",
    }
    inner = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in values.items())
    said, (call,) = read_calls(f"<tool_call>\n<function=f>\n{inner}</function>\n</tool_call>", tools)
    assert said == ""
    assert json.loads(call.arguments) == {
        "code": "1\n\n2\n",
        "count": 3,
        "deep": {"a": [1]},
        "on": True,
        "odd": "three",
        "new": "4",
    }
