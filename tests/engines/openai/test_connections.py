"""Connections to one server: one a call under way, used again; one for all where the server speaks HTTP/2."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import httpx
import pytest

from rlaif.engines.openai.attempt import attempt
from rlaif.engines.openai.connections import Connections
from rlaif.engines.openai.name import Settings

pytestmark = pytest.mark.timing
HANG_S = 300.0
ANSWER = json.dumps({"choices": []}).encode()


class Transport(httpx.AsyncBaseTransport):
    """Answers when so many calls are there, by the version given; knows how many were under way at once."""

    def __init__(self, version: bytes, at_once: int) -> None:
        self.version = version
        self.all_there = asyncio.Barrier(at_once)
        self.under_way = self.most = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self.all_there.wait()
        self.under_way -= 1
        return httpx.Response(200, content=ANSWER, extensions={"http_version": self.version})


def asked(version: bytes, rounds: int, at_once: int) -> tuple[Connections, Transport]:
    transport = Transport(version, at_once)
    connections = Connections("http://h/v1/", Settings(at_once=at_once), None, transport)

    async def ask() -> None:
        for _ in range(rounds):
            found = await asyncio.gather(
                *(attempt(connections, {"max_tokens": 1}, HANG_S) for _ in range(at_once))
            )
            assert all(each.fault is None for each in found)

    asyncio.run(ask())
    return connections, transport


def test_calls_under_way_have_a_connection_each_and_later_ones_use_them_again() -> None:
    connections, transport = asked(b"HTTP/1.1", rounds=3, at_once=5)
    assert transport.most == 5
    assert len(connections._all) == len(connections._free) == 5


def test_over_http2_one_connection_carries_all_further_calls() -> None:
    connections, transport = asked(b"HTTP/2", rounds=2, at_once=5)
    assert transport.most == 5

    async def lent() -> set[int]:
        with connections.client() as one, connections.client() as other:
            return {id(one), id(other)}

    assert len(asyncio.run(lent())) == 1


def test_http2_is_offered_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """h2 is among the packages of the tests; without it the client must open all the same."""
    offered: list[bool] = []
    real: Callable[..., httpx.AsyncClient] = httpx.AsyncClient

    def client(**how: object) -> httpx.AsyncClient:
        offered.append(bool(how["http2"]))
        return real(**how)

    monkeypatch.setattr("rlaif.engines.openai.connections.httpx.AsyncClient", client)
    with Connections("https://h/v1/", Settings(), None, None).client():
        pass
    monkeypatch.setattr("rlaif.engines.openai.connections.find_spec", lambda _: None)
    with Connections("https://h/v1/", Settings(), None, None).client():
        pass
    assert offered == [True, False]


def test_a_key_is_sent_and_a_packed_answer_is_not_asked_for() -> None:
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200, content=ANSWER)

    connections = Connections("http://h/v1/", Settings(), "secret", httpx.MockTransport(answer))
    asyncio.run(attempt(connections, {"max_tokens": 1}, HANG_S))
    assert seen[0]["authorization"] == "Bearer secret"
    assert seen[0]["accept-encoding"] == "identity"
