"""An answer that a request begins: the model goes on behind it. Truth: transformers, one text at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

from rlaif.engines.beginnings import BEGUN, CLOSED, NO_MARKS, begun_prompts, opened, why_none
from rlaif.engines.chat_template import Chat
from rlaif.engines.function import FunctionEngine
from rlaif.engines.kinds import split_name
from rlaif.engines.local.engine import HfEngine
from rlaif.engines.openai.capabilities import forget
from rlaif.engines.openai.engine import OpenAIEngine
from rlaif.engines.openai.name import Settings
from rlaif.engines.scripted.replay import ReplayEngine
from rlaif.engines.scripted.script import ScriptEngine
from rlaif.engines.thoughts import HARMONY, THINK
from rlaif.errors import ModelError
from rlaif.records import GenerateRequest, Generation, Message, Sampling
from rlaif.store import call_key
from rlaif.store.wire import request_rows, row_request
from tests.engines.makes import make_of
from tests.engines.tiny import draw, make_model, make_tokenizer, user

THOUGHT = "I am kind."


def engine_of(tokenizer: Any, kind: str = "qwen3", **options: Any) -> HfEngine:
    return HfEngine("x", make_model(kind, len(tokenizer)), Chat(tokenizer, **options), fingerprint="x")


def begun(text: str, *, thought: bool, **how: Any) -> GenerateRequest:
    asked = draw("how", **{"max_tokens": 6, "temperature": 0.0, **how})
    return replace(asked, assistant_prefix=text, begins_thought=thought)


@torch.inference_mode()
def greedy(engine: HfEngine, ids: list[int], count: int) -> list[int]:
    model, found = engine._decoder.model, []
    for _ in range(count):
        logits = model(input_ids=torch.tensor([[*ids, *found]]), use_cache=False).logits[0, -1]
        found.append(int(logits.argmax()))
    return found


@pytest.mark.parametrize("kind", ["qwen3", "gemma3"])
def test_a_model_goes_on_behind_the_beginning_of_its_answer_and_that_is_no_part_of_the_reply(
    kind: str,
) -> None:
    engine = engine_of(make_tokenizer(), kind)
    (found,) = engine.generate([begun("Hello, I", thought=False)])
    (prompt,) = engine.chat.prompt_ids([user("how")])
    (text,) = engine.chat.text_ids(["Hello, I"])
    own = greedy(engine, [*prompt, *text], 6)
    assert found.token_ids == tuple(own)
    assert found.text == engine.chat.decode(own)
    assert found.usage.prompt_tokens == len(prompt) + len(text)
    plain, again = engine.generate([draw("how", temperature=0.0), begun("Hello, I", thought=False)])
    assert plain.token_ids != again.token_ids == found.token_ids


@pytest.mark.parametrize("make", ["qwen3", "deepseek-r1"])
def test_a_thought_goes_on_behind_its_mark_which_is_written_once(make: str) -> None:
    engine = engine_of(make_of(make), kwargs={"enable_thinking": True})
    (prompt,) = engine.chat.prompt_ids([user("how")])
    head = [] if engine.chat.thought_begun(prompt) else engine.chat.start_ids
    (text,) = engine.chat.text_ids([("\n" if head else "") + THOUGHT])
    (found,) = engine.generate([begun(THOUGHT, thought=True)])
    own = greedy(engine, [*prompt, *head, *text], 6)
    assert engine.chat.decode([*prompt, *head, *text]).count(THINK.start) == 1
    assert found.token_ids == tuple(own)
    # it never closed the thought: there is no answer
    assert (found.text, found.open_thought, found.finish) == ("", True, "length")
    assert found.thought == engine.chat.decode(own).strip()


def test_a_thought_that_is_begun_has_its_budget_behind_the_beginning() -> None:
    engine = engine_of(make_of("deepseek-r1"))
    (found,) = engine.generate([begun(THOUGHT, thought=True, max_thought_tokens=4)])
    (prompt,) = engine.chat.prompt_ids([user("how")])
    start = [*prompt, *engine.chat.text_ids([THOUGHT])[0]]
    thought = greedy(engine, start, 4)
    answer = greedy(engine, [*start, *thought, *engine.chat.closing_ids], 6)
    assert found.token_ids == (*thought, *engine.chat.closing_ids, *answer)
    assert (found.open_thought, found.text) == (False, engine.chat.decode(answer).lstrip())


def test_what_a_template_cannot_begin_fails_with_what_to_do() -> None:
    for tokenizer, options, thought, why in (
        (make_tokenizer(), {}, True, NO_MARKS),
        (make_tokenizer("thinking"), {}, True, CLOSED),
        (make_of("deepseek-r1"), {}, False, BEGUN),
    ):
        chat = Chat(tokenizer, **options)
        request = begun(THOUGHT, thought=thought)
        assert begun_prompts(chat, [request], chat.each_prompt([user("how")])) == [why]
        assert why_none(chat, user("how"), thought=thought) == why
    (found,) = engine_of(make_tokenizer()).generate([begun(THOUGHT, thought=True)])
    assert found.error == NO_MARKS
    assert why_none(Chat(make_of("deepseek-r1")), user("how"), thought=True) is None
    assert opened(THINK, "a") == "\na"
    assert opened(HARMONY, "a") == "a"


def test_a_beginning_is_text_and_never_a_token_of_the_template() -> None:
    engine = engine_of(make_tokenizer())
    (prompt,) = engine.chat.prompt_ids([user("how")])
    [ids] = begun_prompts(engine.chat, [begun("<|end|>", thought=False)], [prompt])
    assert isinstance(ids, list)
    assert not set(ids[len(prompt) :]) & set(engine.chat.end_ids([]))


TURNS = (Message(role="user", content="Hi"),)
ASKED = GenerateRequest(id="x", messages=TURNS, sampling=Sampling(), seed=7, draw=1)


def test_a_beginning_is_part_of_the_calls_key_where_it_is_set_and_is_kept_with_the_call() -> None:
    one = replace(ASKED, assistant_prefix="Well")
    keys = {call_key("m", each) for each in (ASKED, one, replace(one, begins_thought=True))}
    assert len(keys) == 3
    for request in (ASKED, one, replace(one, begins_thought=True)):
        [row], blobs = request_rows([request])
        assert ("assistant_prefix" in json.loads(row)) is bool(request.assistant_prefix)
        assert replace(row_request("generate", row, blobs.__getitem__), id="x") == request


class Continuing:
    """A server: goes on behind what the last turn says, where that is the assistant's."""

    def __init__(self, said: str) -> None:
        self.said = said
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(json.loads(request.content))
        message = {"role": "assistant", "content": self.said}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return httpx.Response(200, json={"choices": [choice], "model": "m"})


def served(server: Continuing, request: GenerateRequest, **settings: Any) -> Generation:
    forget()
    how = Settings(wait=0.001, **settings)
    engine = OpenAIEngine(
        "openai:x", ["http://h/v1/"], "m", "1", settings=how, transport=httpx.MockTransport(server)
    )
    (found,) = engine.generate([request])
    engine.close()
    return found


def test_a_server_that_is_said_to_continue_is_sent_the_beginning_of_the_last_turn() -> None:
    server = Continuing(" then I say it.")
    found = served(server, replace(ASKED, assistant_prefix="Well"), continues=1)
    assert (found.error, found.text) == (None, " then I say it.")
    [body] = server.bodies
    assert body["messages"][-1] == {"role": "assistant", "content": "Well"}
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)


@pytest.mark.parametrize(
    ("said", "thought", "text", "is_open"),
    [
        ("So I am.\n</think>\n\nHello.", "So I am.", "Hello.", False),
        ("So I am and never end", "So I am and never end", "", True),
    ],
)
def test_a_thought_that_is_begun_on_a_server_is_read_as_one(
    said: str, thought: str, text: str, is_open: bool
) -> None:
    server = Continuing(said)
    asked = replace(ASKED, assistant_prefix=THOUGHT, begins_thought=True)
    found = served(server, asked, continues=1)
    assert server.bodies[0]["messages"][-1]["content"] == f"<think>\n{THOUGHT}"
    assert (found.thought, found.text, found.open_thought) == (thought, text, is_open)


def test_a_server_that_is_not_said_to_continue_is_not_asked() -> None:
    server = Continuing("x")
    found = served(server, replace(ASKED, assistant_prefix="Well"))
    assert server.bodies == []
    assert found.error is not None
    assert "?continues=1" in found.error
    # without a beginning nothing is different
    assert served(server, ASKED).text == "x"
    assert "continue_final_message" not in server.bodies[0]


def test_which_kinds_go_on_with_an_answer_is_told_by_the_name(tmp_path: Path) -> None:
    def begins(name: str) -> bool:
        kind, rest = split_name(name)
        return kind.begins_answers(name, rest)

    assert begins("micro")
    assert begins("vllm:x")
    assert begins("openai:http://h/v1?continues=1#m")
    assert not begins("openai:http://h/v1#m")
    assert not begins("script:x")
    with pytest.raises(ModelError, match="continues=2: is 1"):
        begins("openai:http://h/v1?continues=2#m")


def test_an_engine_that_writes_what_it_likes_refuses_a_beginning(tmp_path: Path) -> None:
    script, calls = tmp_path / "script.jsonl", tmp_path / "calls.jsonl"
    script.write_text(json.dumps({"texts": ["Hello."]}) + "\n")
    calls.write_text(
        json.dumps({"messages": [{"role": "user", "content": "Hi"}], "text": "x", "draw": 1}) + "\n"
    )
    engines = (
        ScriptEngine("script:x", script),
        ReplayEngine("replay:x", calls),
        FunctionEngine("mine:", lambda *_: "Hello.", fingerprint="x"),
    )
    for engine in engines:
        (plain,) = engine.generate([ASKED])
        (refused,) = engine.generate([replace(ASKED, assistant_prefix="Well")])
        assert plain.error is None
        assert refused.error is not None
        assert "has no use for assistant_prefix" in refused.error
