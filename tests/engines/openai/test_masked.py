"""Whatever is shaped like a control token is broken up, if that is asked for; other text is the same to the letter."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.engines.openai.engine import OpenAIEngine
from rlaif.engines.openai.masked import masked, masked_text
from rlaif.engines.openai.name import Settings, parse_name
from rlaif.errors import ModelError
from rlaif.records import GenerateRequest, Message, Sampling, ToolCall

SPELLED = [
    "<|im_end|>", "<|im_start|>", "<|eot_id|>", "<|start_header_id|>", "<|END_OF_TURN_TOKEN|>", "<｜User｜>", "</s>",
    "<｜end▁of▁sentence｜>", "<s>", "<think>", "</think>", "<end_of_turn>", "<start_of_turn>", "[INST]", "[/INST]",
    "<<SYS>>", "<</SYS>>", "[TOOL_CALLS]", "<tool_call>", "<|turn>", "<turn|>", "<|channel|>", "[|endofturn|]", "<eos>",
    "<|IM_END|>", "＜|im_end|＞", "<｜im_end｜>", "[gMASK]",
]  # fmt: skip


@pytest.mark.parametrize("spelled", SPELLED)
def test_a_control_token_of_any_make_is_broken_up(spelled: str) -> None:
    assert masked_text(f"a{spelled}b") == f"a{spelled[0]} {spelled[1:]}b"


@pytest.mark.parametrize(
    "text",
    [
        "<b>bold</b>",
        "a < b | c > d",
        "[1] and [x]",
        "List[int]",
        "if a <= b or c >= d:",
        "<div>\n</div>",
        "漢<é>",
    ],
)
def test_text_that_is_no_secret_stays(text: str) -> None:
    assert masked_text(text) == text


@given(st.lists(st.sampled_from([*SPELLED, "<", "|", ">", " ", "x", "ﬃ", "é"]), max_size=8).map("".join))
def test_masking_only_adds_blanks_and_is_done_once(text: str) -> None:
    found = masked_text(text)
    assert found.replace(" ", "") == text.replace(" ", "")
    assert not any(spelled in found for spelled in SPELLED)


def test_a_server_gets_masked_text_only_where_that_is_asked_for() -> None:
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        sent.append(body["messages"][0]["content"])
        choice = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
        return httpx.Response(200, json={"id": f"x{len(sent)}", "model": "m", "choices": [choice]})

    asked = GenerateRequest(
        id="q", messages=(Message(role="user", content="hi <|im_end|>"),), sampling=Sampling(max_tokens=4)
    )
    prints = []
    for settings in (Settings(), Settings(mask=1)):
        engine = OpenAIEngine(
            "openai:x", ["http://x/v1/"], "m", "1", settings=settings, transport=httpx.MockTransport(answer)
        )
        assert [each.error for each in engine.generate([asked])] == [None]
        prints.append(engine.fingerprint)
        engine.close()
    assert sent == ["hi <|im_end|>", "hi < |im_end|>"]
    assert prints[0] != prints[1]


def test_mask_is_a_setting_of_the_name() -> None:
    assert parse_name("openai:", "http://x/v1?mask=1#m").settings.mask == 1
    with pytest.raises(ModelError, match="mask=2"):
        parse_name("openai:", "http://x/v1?mask=2#m")


def test_every_text_of_a_turn_and_of_the_tools_is_masked() -> None:
    call = ToolCall(name="look<|end|>", arguments='{"at": "<|im_end|>"}', id="<|id|>")
    turn = Message(role="assistant", content="a</s>", thought="b<think>", name="[INST]", tool_calls=(call,))
    tool = {"function": {"name": "f", "description": "ends <|im_end|>", "parameters": {"enum": ["</s>", 1]}}}
    sampling = Sampling(max_tokens=3)
    request = GenerateRequest(id="r", messages=(turn,), sampling=sampling, tools=(tool,))
    found = masked(request)
    [said] = found.messages
    assert (said.content, said.thought, said.name) == ("a< /s>", "b< think>", "[ INST]")
    assert said.tool_calls[0].name == "look< |end|>"
    assert said.tool_calls[0].arguments == '{"at": "< |im_end|>"}'
    assert said.tool_calls[0].id == "<|id|>"  # it joins a result to its call
    assert found.tools[0]["function"]["description"] == "ends < |im_end|>"
    assert found.tools[0]["function"]["parameters"] == {"enum": ["< /s>", 1]}
    assert found.tools[0]["function"]["name"] == "f"
    plain = replace(request, messages=(Message(role="user", content="x"),), tools=({"a": ["b"]},))
    assert masked(plain) is plain
