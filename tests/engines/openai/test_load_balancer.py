"""Waits that a server asks for: said with their reason, and refused where nobody would wait so long."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from typing import Any

import httpx
import pytest

from rlaif.engines.openai import load_balancer
from rlaif.engines.openai.attempt import AttemptFault, AttemptOutcome
from rlaif.engines.openai.engine import OpenAIEngine
from rlaif.engines.openai.load_balancer import Server, Servers
from rlaif.engines.openai.name import Settings
from rlaif.errors import EngineError, ModelError
from rlaif.records import GenerateRequest, Message, Sampling

YEAR_S = 31_536_000
ASK = GenerateRequest(id="1", messages=(Message(role="user", content="hi"),), sampling=Sampling(), seed=1)


def engine(answer: Any, **settings: Any) -> OpenAIEngine:
    given = {"wait": 0.001, "reach": 0.05, **settings}
    transport = httpx.MockTransport(answer)
    return OpenAIEngine(
        "openai:x", ["http://h/v1/"], "m", "1", settings=Settings(**given), transport=transport
    )


def servers(**settings: Any) -> tuple[Servers, Server]:
    found = engine(lambda _: httpx.Response(200), **settings)._servers
    return found, found.servers[0]


def busy(seconds: float) -> AttemptOutcome:
    return AttemptOutcome(fault=AttemptFault.BUSY, reason="status 429: slow", status=429, wait=seconds)


def test_a_wait_longer_than_the_patience_stops_before_it_begins() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers={"Retry-After": str(YEAR_S)}, text="come back next year")

    with pytest.raises(
        EngineError, match=r"left alone for 31,536,000 s .*429: come back.*\?patience=120"
    ) as stopped:
        list(engine(answer).generate([ASK]))
    assert "what is finished is kept" in str(stopped.value)


def test_a_long_wait_is_said_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    async def waits() -> None:
        found, server = servers()
        found.note(server, busy(40), "1")
        for _ in range(3):  # each call that waits would say it
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await found.acquire(0.0)

    with caplog.at_level(logging.WARNING):
        asyncio.run(waits())
    assert [each.getMessage() for each in caplog.records] == [
        "openai:x: waits 40 s for http://h/v1/: it asks for that: status 429: slow"
    ]


def test_a_short_wait_is_not_said(caplog: pytest.LogCaptureFixture) -> None:
    async def waits() -> None:
        found, server = servers()
        found.note(server, busy(0.02), "1")
        await found.acquire(0.0)

    asyncio.run(waits())
    assert caplog.records == []


def test_the_users_own_limit_is_named_where_it_makes_calls_wait(caplog: pytest.LogCaptureFixture) -> None:
    async def waits() -> None:
        found, server = servers(rpm=1)
        await found.acquire(0.0)
        found.release(server, 0.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await found.acquire(0.0)

    asyncio.run(waits())
    assert "its limits ?rpm= and ?tpm= are used up" in caplog.text


def test_calls_that_nobody_answers_are_told_of(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_balancer, "STILL_S", 0.01)

    async def waits() -> None:
        found, _ = servers()
        await found.acquire(0.0)
        await asyncio.sleep(0.1)

    asyncio.run(waits())
    assert "no answer for 0 s to 1 calls under way" in caplog.text


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        ("http://h/", 404, "is the address whole? of most servers it ends in /v1: http://h/v1"),
        ("http://h/v1/", 404, "is the model's name right"),
        ("http://h/v1/", 401, "is the key right?"),
    ],
)
def test_a_server_that_refuses_is_told_with_what_may_be_wrong(url: str, status: int, said: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, text="no"))
    asked = OpenAIEngine("openai:x", [url], "m", "1", settings=Settings(wait=0.001), transport=transport)
    with pytest.raises(ModelError) as refused:
        list(asked.generate([ASK]))
    assert f"status {status}: no" in str(refused.value)
    assert said in str(refused.value)


def test_nothing_but_faults_for_longer_than_the_patience_stops_with_the_last() -> None:
    asked = engine(
        lambda _: httpx.Response(500, text="Connection error."), patience=0.05, tries=40, wait=0.01
    )
    calls = [replace(ASK, id=str(number)) for number in range(4)]
    with pytest.raises(
        EngineError, match=r"nothing but faults for .* s, the last of \d+: status 500: Connection"
    ):
        list(asked.generate(calls))


def test_one_good_answer_among_faults_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_balancer, "MANY_FAULTS", 3)
    given = iter(range(1000))
    body = {
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "warm"}, "finish_reason": "stop"}
        ],
    }

    def answer(_: httpx.Request) -> httpx.Response:
        number = next(given)
        return (
            httpx.Response(200, json={**body, "id": str(number)}) if number % 3 == 2 else httpx.Response(500)
        )

    asked = engine(answer, patience=0.001, tries=40, at_once=1)
    found = list(asked.generate([replace(ASK, id=str(number)) for number in range(4)]))
    assert [each.text for each in found] == ["warm"] * 4


def test_reaching_a_server_asks_no_model_and_whatever_answers_is_there() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(404, text="no such list")

    engine(answer).reach()
    assert [(each.method, each.url.path) for each in asked] == [("GET", "/v1/models")]


def test_a_server_that_is_not_reached_is_told_with_what_to_do() -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(EngineError, match=r"no server was reached for 0.05 s .*Is the address right\?"):
        engine(away).reach()


def test_a_server_that_is_yet_to_start_is_waited_for() -> None:
    answers = iter([httpx.ConnectError("refused"), httpx.ConnectError("refused"), httpx.Response(200)])

    def answer(_: httpx.Request) -> httpx.Response:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    engine(answer, reach=30).reach()
    assert next(answers, None) is None


def test_a_key_that_is_refused_is_found_without_a_call() -> None:
    with pytest.raises(ModelError, match=r"is refused: .*401: no such key"):
        engine(lambda _: httpx.Response(401, json={"error": {"message": "no such key"}})).reach()


@pytest.mark.parametrize(
    "listed", [["M"], ["owner/m", "other"], []], ids=["in another case", "with an owner", "nothing"]
)
def test_a_model_that_is_listed_is_not_asked(listed: list[str]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.method == "GET"
        return httpx.Response(200, json={"object": "list", "data": [{"id": each} for each in listed]})

    engine(answer).reach()


def test_a_model_that_no_server_lists_is_asked_for_one_token_and_refused_by_its_answer_alone() -> None:
    sent: list[dict[str, Any]] = []

    def server(status: int, body: dict[str, Any]) -> Any:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.method == "GET":
                return httpx.Response(200, json={"data": [{"id": "llama"}, {"id": "qwen"}]})
            sent.append(json.loads(request.content))
            return httpx.Response(status, json=body)

        return answer

    said = {"id": "1", "choices": [{"message": {"content": "Hi"}, "finish_reason": "length"}]}
    engine(server(200, said)).reach()
    assert [each["max_tokens"] for each in sent] == [1]
    away = {"error": {"message": "The model `m` does not exist."}}
    with pytest.raises(
        ModelError, match=r"no model 'm' but llama, qwen, .*does not exist.*: correct the name"
    ):
        engine(server(404, away)).reach()
