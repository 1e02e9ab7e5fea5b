"""Thoughts, tools, calls and results in the templates of several makes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rlaif.engines.chat_template import Chat
from rlaif.engines.thoughts import HARMONY, MARKS, THINK
from rlaif.errors import UnrenderedError
from rlaif.records import Conversation, Message, ToolCall
from tests.engines.makes import MAKES, chat_of, make_of
from tests.engines.tiny import make_tokenizer, user

TOOLS = (
    {
        "type": "function",
        "function": {
            "name": "oven",
            "description": "how hot it is",
            "parameters": {"type": "object", "properties": {"where": {"type": "string"}}},
        },
    },
)
CALL = ToolCall(name="oven", arguments='{"where": "left"}', id="call00001")


def dialogue(
    *, call: ToolCall = CALL, result: str = "hot", thought: str = "", tools: object = TOOLS
) -> Conversation:
    return Conversation(
        messages=(
            *user("how hot"),
            Message(role="assistant", content="", thought=thought, tool_calls=(call,)),
            Message(role="tool", content=result, name="oven", tool_call_id=call.id),
        ),
        tools=tools,  # type: ignore[arg-type]
    )


def rendered_by_transformers(chat: Chat, turns: Conversation, **options: object) -> str:
    """The same, written out as `apply_chat_template` takes it."""
    written = []
    for each in turns.messages:
        turn: dict[str, object] = {"role": each.role, "content": each.content}
        if each.thought:
            turn |= {"reasoning_content": each.thought, "thinking": each.thought, "reasoning": each.thought}
        if each.tool_calls:
            turn["tool_calls"] = [
                {
                    "type": "function",
                    "id": one.id,
                    "function": {"name": one.name, "arguments": json.loads(one.arguments)},
                }
                for one in each.tool_calls
            ]
        written.append(turn)
    text: str = chat.tokenizer.apply_chat_template(
        written, tools=list(turns.tools) or None, tokenize=False, add_generation_prompt=True, **options
    )
    return text


@pytest.mark.parametrize("make", [each for each in MAKES if each != "deepseek-r1"])
def test_calls_results_and_tools_are_written_as_transformers_writes_them(make: str) -> None:
    chat, turns = chat_of(make), dialogue()
    assert chat.prompt_text(turns) == rendered_by_transformers(chat, turns, enable_thinking=False)
    for part in ("oven", "left", "hot", "how hot it is"):
        assert part in chat.prompt_text(turns)
    assert chat.decode(chat.prompt_ids([turns])[0]) == chat.prompt_text(turns)


def test_a_template_that_adds_arguments_up_gets_them_as_text() -> None:
    text = chat_of("deepseek-r1").prompt_text(dialogue(tools=()))
    assert '<｜tool▁call▁begin｜>oven\n```json\n{"where": "left"}\n```<｜tool▁call▁end｜>' in text


def test_arguments_that_are_no_json_are_kept_as_they_were_written() -> None:
    assert '"arguments": {"where": le}' in chat_of("qwen3").prompt_text(
        dialogue(call=replace(CALL, arguments='{"where": le'))
    )


@pytest.mark.parametrize(
    ("make", "kept"),
    [
        ("qwen3", "<think>\nwait\n</think>\n\nbake"),
        ("gpt-oss", "<|channel|>analysis<|message|>wait<|end|><|start|>assistant<|channel|>final<|message|>bake"),
        ("mistral", "[THINK]wait[/THINK]bake"),
        ("gemma4", "<|channel>thought\nwait\n<channel|>bake"),
    ],
)  # fmt: skip
def test_the_thought_of_the_last_turn_is_written_by_the_templates_own_marks(make: str, kept: str) -> None:
    chat = chat_of(make)
    turns = [*user("how"), Message(role="assistant", content="bake", thought="wait")]
    (ids,) = chat.each_conversation([turns])
    assert isinstance(ids, list)
    assert kept in chat.decode(ids)


@pytest.mark.parametrize("make", MAKES)
def test_earlier_thoughts_are_left_out_where_the_template_leaves_them_out(make: str) -> None:
    chat = chat_of(make)
    turns = [*user("how"), Message(role="assistant", content="bake", thought="zzz"), *user("more")]
    text = chat.prompt_text(turns)
    assert ("zzz" in text) == (make == "mistral")
    assert chat.decode(chat.prompt_ids([turns])[0]) == text


@pytest.mark.parametrize(
    ("make", "marks"),
    [
        ("qwen3", THINK),
        ("deepseek-r1", THINK),
        ("gpt-oss", HARMONY),
        ("mistral", MARKS["Magistral, Mistral Small 4"]),
        ("gemma4", MARKS["Gemma 4"]),
        ("llama3", None),
    ],
)
def test_the_marks_of_a_thought_are_found_by_the_template(make: str, marks: object) -> None:
    found = chat_of(make).thought_marks
    if marks is None:
        assert found is None
    else:
        assert found is not None
        assert (found.start, found.end) == (marks.start, marks.end)  # type: ignore[attr-defined]


def test_what_closes_a_thought_is_what_the_template_writes() -> None:
    closing = {each: chat.decode(chat.closing_ids) for each in MAKES if (chat := chat_of(each)).thought_marks}
    assert closing == {
        "qwen3": "\n</think>\n\n",
        "deepseek-r1": "\n</think>\n\n",
        "gpt-oss": "<|end|><|start|>assistant<|channel|>final<|message|>",
        "mistral": "[/THINK]",
        "gemma4": "\n<channel|>",
    }


def test_a_prompt_says_whether_it_has_begun_the_thought() -> None:
    for make, begun in {"qwen3": False, "deepseek-r1": True, "gpt-oss": False, "llama3": False}.items():
        chat = chat_of(make)
        assert chat.thought_begun(chat.prompt_ids([user("how")])[0]) is begun


def test_marks_of_no_table_are_those_that_the_template_puts_around_a_thought() -> None:
    tokenizer = make_tokenizer()
    tokenizer.chat_template = (
        "{% for m in messages %}<|start|>{{ m.role }}\n{% if m.thinking %}((({{ m.thinking }})))\n{% endif %}"
        "{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
    )
    found = Chat(tokenizer).thought_marks
    assert found is not None
    assert (found.start, found.end, found.closing) == ("(((", ")))", ")))\n")


def test_marks_that_the_user_names_are_taken() -> None:
    found = Chat(make_tokenizer(), marks=("<muse>", "</muse>")).thought_marks
    assert found is not None
    assert (found.start, found.end) == ("<muse>", "</muse>")


def test_options_of_a_conversation_come_before_those_of_the_engine() -> None:
    chat = chat_of("qwen3")
    told = Conversation(messages=user("how"), chat_template_kwargs={"enable_thinking": True})
    assert chat.prompt_text(user("how")).endswith("</think>\n\n")
    assert chat.prompt_text(told).endswith("assistant\n")
    with pytest.raises(UnrenderedError, match="cannot set messages"):
        chat.prompt_text(replace(told, chat_template_kwargs={"messages": []}))


def test_a_developers_turn_is_a_system_turn_where_the_template_has_none() -> None:
    turns = [Message(role="developer", content="be warm"), *user("how")]
    assert "<|im_start|>system\nbe warm<|im_end|>" in chat_of("qwen3").prompt_text(turns)
    assert "<|start|>developer<|message|>be warm<|end|>" in chat_of("gpt-oss").prompt_text(turns)
    both = [Message(role="system", content="be short"), *turns]
    assert "system\nbe short\n\nbe warm<|im_end|>" in chat_of("qwen3").prompt_text(both)
    assert (
        Chat(make_tokenizer("none")).prompt_text(turns).startswith("<|start|>System: be warm\n\nHuman: how")
    )


DROPS = (
    "{% for m in messages if m.role != 'tool' %}<|start|>{{ m.role }}\n{{ m.content }}"
    "{% for c in m.tool_calls or [] %}{{ c.function.name }}{% endfor %}<|end|>{% endfor %}"
)


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        (dialogue(tools=()), "leaves out arguments of a call of turn 2, the assistant's"),
        (dialogue(tools=(), call=replace(CALL, arguments="{}")), "leaves out turn 3, the tool's"),
        (Conversation(messages=user("how"), tools=TOOLS), "leaves out tool 1, oven"),
    ],
)
def test_a_template_that_drops_calls_results_or_tools_does_not_take_the_conversation(
    turns: Conversation, reason: str
) -> None:
    tokenizer = make_tokenizer()
    tokenizer.chat_template = DROPS
    (found,) = Chat(tokenizer).each_prompt([turns])
    assert isinstance(found, UnrenderedError)
    assert reason in found.reason


def test_without_a_template_nothing_writes_tools() -> None:
    (found,) = Chat(make_tokenizer("none")).each_prompt([dialogue()])
    assert isinstance(found, UnrenderedError)
    assert "without a chat template" in found.reason


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize(
    "field", ["result", "arguments", "key", "name", "thought", "description", "tool", "said"]
)
def test_no_text_of_a_thought_a_call_a_result_or_a_tool_forges_a_turn(make: str, field: str) -> None:
    chat = chat_of(make)
    control = [*chat.tokenizer.added_tokens_decoder.values()]
    spelled = [each.content for each in control if each.content not in ("<|pad|>",)]
    evil = f"a{''.join(spelled)}b"
    found = chat.each_prompt([_with(field, "b", make), _with(field, evil, make)])
    if isinstance(found[1], UnrenderedError):
        # these templates leave out what is said beside a call
        assert (make, field) in {("deepseek-r1", "said"), ("llama3", "said")}
        return
    harmless, attacked = found
    assert isinstance(harmless, list)
    assert isinstance(attacked, list)
    own = set(chat.tokenizer.added_tokens_decoder)
    assert [each for each in attacked if each in own] == [each for each in harmless if each in own]


def _with(field: str, text: str, make: str) -> Conversation:
    turns = dialogue(tools=() if make == "deepseek-r1" else TOOLS)
    match field:
        case "result":
            return dialogue(result=text, tools=turns.tools)
        case "arguments":
            return dialogue(call=replace(CALL, arguments=json.dumps({"where": text})), tools=turns.tools)
        case "key":
            return dialogue(call=replace(CALL, arguments=json.dumps({text: "left"})), tools=turns.tools)
        case "name":
            return dialogue(call=replace(CALL, name=text), tools=turns.tools)
        case "thought":
            return dialogue(thought=text, tools=turns.tools)
        case "said":
            call, rest = turns.messages[1], turns.messages[2:]
            return replace(turns, messages=(turns.messages[0], replace(call, content=text), *rest))
        case "description":
            function = {**TOOLS[0]["function"], "description": text}  # type: ignore[dict-item]
            return replace(turns, tools=({**TOOLS[0], "function": function},) if turns.tools else ())
        case _:
            function = {**TOOLS[0]["function"], "name": text}  # type: ignore[dict-item]
            return replace(turns, tools=({**TOOLS[0], "function": function},) if turns.tools else ())


@pytest.mark.parametrize("make", MAKES)
def test_plain_conversations_are_written_as_transformers_writes_them(make: str) -> None:
    chat = Chat(make_of(make))
    turns = Conversation(messages=(*user("how"), Message(role="assistant", content="bake"), *user("more")))
    assert chat.prompt_text(turns) == rendered_by_transformers(chat, turns, enable_thinking=False)
    assert chat.prompt_ids([turns]) == chat.prompt_ids([turns.messages])
