from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from rlaif.engines.open import open_engine
from rlaif.engines.openai import FLOOR, OpenAIEngine

from .tiny import draw, question

Handler = Callable[[dict[str, Any]], httpx.Response]


def engine(handle: Handler, pauses: list[float] | None = None, **options: Any) -> OpenAIEngine:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/chat/completions"
        return handle(json.loads(request.content))

    return OpenAIEngine(
        "openai:x", "http://host/v1/", "model", "1", transport=httpx.MockTransport(answer),
        pause=([] if pauses is None else pauses).append, **options,
    )  # fmt: skip


def said(text: str | None, finish: str = "stop") -> httpx.Response:
    choice = {"message": {"content": text}, "finish_reason": finish}
    return httpx.Response(
        200, json={"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    )


def weighed(labels: dict[str, float]) -> httpx.Response:
    top = [{"token": token, "logprob": math.log(p)} for token, p in labels.items()]
    return httpx.Response(200, json={"choices": [{"logprobs": {"content": [{"top_logprobs": top}]}}]})


def test_a_text_is_drawn_with_what_was_asked() -> None:
    bodies: list[dict[str, Any]] = []

    def handle(body: dict[str, Any]) -> httpx.Response:
        bodies.append(body)
        return said("warm", "length")

    model = engine(handle, chat_template_kwargs={"enable_thinking": False})
    (reply,) = model.generate([draw("bake", temperature=0.5, max_tokens=9, stop=("x",))])
    assert (reply.text, reply.finish, reply.usage.prompt_tokens) == ("warm", "length", 3)
    (body,) = bodies
    assert body["messages"] == [{"role": "user", "content": "bake"}]
    assert (body["model"], body["temperature"], body["max_tokens"], body["stop"]) == ("model", 0.5, 9, ["x"])
    assert body["chat_template_kwargs"] == {"enable_thinking": False}


def test_labels_are_the_candidates_of_the_first_token() -> None:
    (score,) = engine(lambda _: weighed({"yes": 0.5, "no": 0.25})).score([question("x", "no", "yes", "Yes")])
    assert [math.exp(each) for each in score.logprobs] == pytest.approx([0.25, 0.5, FLOOR])


def test_replies_join_by_id_whatever_comes_first() -> None:
    model = engine(lambda body: said(body["messages"][0]["content"].upper()))
    replies = {
        reply.request_id: reply.text for reply in model.generate([draw(f"text {n}") for n in range(100)])
    }
    assert replies == {f"text {n}/0": f"TEXT {n}" for n in range(100)}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(status: int) -> None:
    left, pauses = [httpx.Response(status), httpx.Response(status)], []
    model = engine(lambda _: left.pop() if left else said("warm"), pauses)
    (reply,) = model.generate([draw("x")])
    assert (reply.text, pauses) == ("warm", [1.0, 2.0])


def test_a_server_says_how_long_to_wait() -> None:
    left, pauses = [httpx.Response(429, headers={"retry-after": "7"})], []
    list(engine(lambda _: left.pop() if left else said("warm"), pauses).generate([draw("x")]))
    assert pauses == [7.0]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(400, text="too long"),
        httpx.Response(500),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"choices": []}),
        said(None),
    ],
)
def test_what_is_no_answer_has_failed(answer: httpx.Response) -> None:
    model = engine(lambda _: answer)
    assert next(model.generate([draw("x")])).error
    assert next(model.score([question("x")])).error


def test_a_refused_connection_has_failed() -> None:
    def handle(_: dict[str, Any]) -> httpx.Response:
        raise httpx.ConnectError("refused")

    assert "refused" in str(next(engine(handle).generate([draw("x")])).error)


def test_a_server_without_logprobs_says_so() -> None:
    assert "compare-cot" in str(next(engine(lambda _: said("yes")).score([question("x")])).error)


def test_the_fingerprint_is_what_the_user_declares_and_not_the_address() -> None:
    one = open_engine("openai:http://a:1/v1#org/model@3").fingerprint
    assert open_engine("openai:http://b:2/v1#org/model@3").fingerprint == one
    assert open_engine("openai:http://a:1/v1#org/model@4").fingerprint != one


def test_the_key_comes_from_the_variable_that_the_user_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLAIF_KEY_VARIABLE", "MY_KEY")
    monkeypatch.setenv("MY_KEY", "sesame")
    model = engine(lambda _: said("x"))
    assert model._client.headers["authorization"] == "Bearer sesame"
    assert "sesame" not in repr(vars(model))
