"""A request with a schema asks the server to guide its decoding; one without never mentions it."""

from __future__ import annotations

import json

import httpx

from rlaif.engines.openai.engine import OpenAIEngine
from rlaif.records import GenerateRequest, Message, Sampling
from rlaif.store import call_key


def test_a_schema_is_sent_and_makes_another_call() -> None:
    bodies = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(
            200, json={"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]}
        )

    engine = OpenAIEngine("x", ["http://x/v1/"], "m", "1", transport=httpx.MockTransport(answer))
    turns = (Message(role="user", content="?"),)
    plain = GenerateRequest(id="1", messages=turns, sampling=Sampling())
    guided = GenerateRequest(id="2", messages=turns, sampling=Sampling(), schema={"type": "object"})
    list(engine.generate([plain]))
    list(engine.generate([guided]))
    assert "response_format" not in bodies[0]
    assert bodies[1]["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert call_key("b2:m", plain) != call_key("b2:m", guided)
