"""Mutated replies against the boundary that reads them: any bytes, any JSON, any header come to a reply or a reason.

No text counts as finished without a finish reason that is known to be an end, no probability is above one, no message
holds the key, and a call ends after its attempts.
"""

from __future__ import annotations

import asyncio
import copy
import gzip
import json
import math
import random
import zlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import httpx
import pytest

from rlaif.engines.openai import load_balancer, retries
from rlaif.engines.openai.attempt import attempt
from rlaif.engines.openai.capabilities import forget
from rlaif.engines.openai.connections import Connections
from rlaif.engines.openai.engine import OpenAIEngine
from rlaif.engines.openai.finish_reasons import Ending, ending_of
from rlaif.engines.openai.name import Settings
from rlaif.engines.openai.rate_limits import retry_after
from rlaif.errors import RlaifError
from rlaif.records import GenerateRequest, Generation, Message, Sampling, Score, ScoreRequest
from rlaif.secrets import hide
from tests.engines.openai.tables import rows

from .fuzzing import cases, mutated

pytestmark = pytest.mark.heavy
KEY = "sk-fuzzed-0123456789abcdef"
LIMIT_S = 60.0
"""Of one case; a case that hangs takes longer."""
TRIES = 3
CHOICES = [row["choice"] for name in ("replies", "candidates") for row in rows(name)]
ERRORS = [row for row in rows("errors") if "body" in row] + rows("refusals")
WORDS = tuple(
    word.encode()
    for word in (
        "null", "true", "NaN", "-Infinity", "1e400", "-1", "0.5", '"\\ud800"', '"\\udfff\\ud800"', "[]", "{}", '""',
        '"A"', '{"type": "text"}', '"stop"', '"length"', '"choices":', '"message":', '"logprobs":', '"top_logprobs":',
        '"error":', '"finish_reason":', '"content":', '"usage":', "9" * 5000, "[" * 2000, '{"a":' * 999, "\x00",
        "\x1b[31m", "\ufeff", KEY, f"Bearer {KEY}", "data: ", "<html>", "\r\n",
    )
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3.5, 1e308, -1e308, math.nan, math.inf, -math.inf, 10**400, "", "A", "stop", "abort",
    "\ud83d", "\x1b[2J", KEY, "x" * 5000, [], {}, [None], [[]], {"type": "text", "text": 3}, {"type": "thinking"},
    {"role": "assistant", "content": "x"},
)  # fmt: skip
HEADERS = (
    "content-encoding",
    "content-type",
    "retry-after",
    "retry-after-ms",
    "date",
    "location",
    "x-request-id",
)
HEADER_VALUES = (
    "gzip", "br", "deflate", "identity, gzip", "zstd, zstd", "text/html", "text/event-stream; charset=x", "nan", "-1",
    "1e999", "inf", "0.001", "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 -9999", "9" * 400, "", "\t",
    f"http://{KEY}@h:99999/{KEY}", "//", "http://[::1", "/v1?key=" + KEY, "\xe9\xff", "a" * 9000,
)  # fmt: skip
STATUSES = (
    100,
    200,
    200,
    200,
    200,
    201,
    204,
    206,
    302,
    307,
    400,
    401,
    403,
    404,
    408,
    413,
    418,
    422,
    429,
    500,
    503,
    529,
    599,
)


def changed(value: Any, rng: random.Random) -> Any:
    """A JSON value with a few places replaced, taken away or doubled."""
    whole = [copy.deepcopy(value)]
    for _ in range(rng.randint(1, 4)):
        place: Any = whole
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = rng.choice(keys)
            inner = place[key]
            if isinstance(inner, dict | list) and inner and rng.random() < 0.8:
                place = inner
                continue
            match rng.randrange(4):
                case 0 if place is not whole:
                    del place[key]
                case 1 if isinstance(place, list) and place is not whole:
                    place.append(copy.deepcopy(inner))
                case 2 if isinstance(place, dict):
                    place[rng.choice(["error", "content", "message", "choices", "detail", "code", "x"])] = (
                        inner
                    )
                case _:
                    place[key] = copy.deepcopy(rng.choice(VALUES))
            break
    return whole[0]


def good(body: dict[str, Any], rng: random.Random) -> Any:
    """A reply as some server sends it, of any kind, to this body or not."""
    if rng.random() < 0.2:
        return rng.choice(ERRORS)["body"]
    count = rng.choice([1, 1, 1, int(body.get("n") or 1)])
    used = {"prompt_tokens": 3, "completion_tokens": 2}
    prompt = [None, {"11": {"logprob": -1.0}}, {"12": {"logprob": -0.5}}]
    told = {"prompt_logprobs": prompt} if "prompt_logprobs" in body else {}
    choices = [rng.choice(CHOICES) for _ in range(count)]
    return {"id": f"c-{rng.randrange(4)}", "model": "m", "choices": choices, "usage": used, **told}


class Mutating(httpx.AsyncBaseTransport):
    """Answers each call with a mutated reply; remembers what it has sent."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.sent: list[bytes] = []
        self.asked = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        rng = self.rng
        value = good(json.loads(request.content), rng)
        if rng.random() < 0.6:
            value = changed(value, rng)
        whole = json.dumps(value).encode()
        if rng.random() < 0.4:
            whole = mutated(whole, rng, WORDS)
        headers = {name: rng.choice(HEADER_VALUES) for name in HEADERS if rng.random() < 0.15}
        self.sent.append(whole)
        if rng.random() < 0.1:
            whole = rng.choice([gzip.compress, zlib.compress])(whole)
            whole = mutated(whole, rng) if rng.random() < 0.3 else whole
        if rng.random() < 0.05:
            raise rng.choice(
                [httpx.ReadError(KEY), ValueError(KEY), UnicodeDecodeError("utf-8", b"\xff", 0, 1, KEY)]
            )
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        return httpx.Response(rng.choice(STATUSES), headers=raw, stream=httpx.ByteStream(whole))


def engine(transport: Mutating, rng: random.Random) -> OpenAIEngine:
    how = Settings(
        wait=0.0001, tries=TRIES, patience=30.0, n=rng.choice([1, 3]), votes=rng.choice([0, 3]), answers_as="*",
        logprobs=rng.choice([1, 1, 0]), rpm=0, omit=rng.choice(["", "top_p"]), mask=rng.choice([0, 1]),
        thought_marks=rng.choice(["", "", "none", "A,B"]), thought_begun=rng.choice([0, 0, 1]),
    )  # fmt: skip
    return OpenAIEngine("openai:x", ["http://h/v1/"], "m", "1", settings=how, transport=transport)


def requests(rng: random.Random) -> tuple[list[GenerateRequest], list[ScoreRequest]]:
    turns = (Message(role="user", content="?"),)
    how = Sampling(temperature=rng.choice([0.0, 0.7, 1.0]), top_p=rng.choice([1.0, 0.9]), max_tokens=8)
    schema = rng.choice([None, None, {"type": "object"}])
    how = replace(how, max_thought_tokens=rng.choice([None, None, 0, 8]))
    tools = rng.choice([(), (), ({"type": "function", "function": {"name": "f"}},)])
    draws = [
        GenerateRequest(id=f"d{n}", messages=turns, sampling=how, seed=n, draw=n, schema=schema, tools=tools)
        for n in range(3)
    ]
    asked = rng.choice([("A", "B"), ("two words",)])
    thinking = rng.choice([None, how])
    scores = [
        ScoreRequest(id=f"s{n}", messages=turns, continuations=asked, thinking=thinking) for n in range(2)
    ]
    return draws, scores


def ended(sent: list[bytes], text: str) -> bool:
    """Whether some answer of the server's says that such a text was ended, by a word that is known."""
    for whole in sent:
        try:
            body = json.loads(whole)
            choices = body["choices"]
        except (ValueError, RecursionError, KeyError, TypeError):
            continue
        for choice in choices if isinstance(choices, list) else ():
            whole = isinstance(choice, dict) and ending_of(choice)[0] in (Ending.WHOLE, Ending.TOOL)
            # of a text with a thought the answer is a part
            if whole and any(text in each for each in _said(choice)):
                return True
    return False


def _said(choice: dict[str, Any]) -> list[str]:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    texts = [each.get("text", each.get("refusal")) if isinstance(each, dict) else each for each in parts]
    whole = "".join(each for each in texts if isinstance(each, str))
    return [whole, str(message.get("refusal"))]


def check(reply: Generation | Score, sent: list[bytes], case: int) -> None:
    told = f"case {case}: {reply!r:.500}"
    assert reply.usage.prompt_tokens >= 0, told
    if reply.error is not None:
        assert reply.error.isprintable(), told
        assert KEY not in reply.error, told
        assert len(reply.error) < 1500, told
    elif isinstance(reply, Generation):
        reply.text.encode("utf-8")
        reply.thought.encode("utf-8")
        assert KEY not in reply.text + reply.thought + repr(reply.tool_calls), told
        assert not (reply.open_thought and (reply.text or reply.tool_calls)), told
        assert reply.finish == "length" or ended(sent, reply.text) or "[hidden]" in reply.text, told
    else:
        assert all(value <= 1e-3 for value in reply.logprobs), told
        assert math.fsum(map(math.exp, reply.logprobs)) <= 1.03, told


def outcome(every: Callable[[], Coroutine[Any, Any, list[Any]]], case: int) -> tuple[list[Any], str]:
    """What came back, and why the run was stopped: for another model or a wrong key it is."""
    try:
        return asyncio.run(every()), ""
    except RlaifError as refused:
        return [], str(refused)
    except Exception as failure:
        raise AssertionError(f"case {case}: {type(failure).__name__}: {failure}") from failure


def test_any_reply_is_an_answer_or_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(load_balancer, "MOST_RETRY_AFTER_S", 0.001)
    monkeypatch.setattr(retries, "HOLD_S", 0.001)
    for case, rng in cases(3):
        forget()
        transport = Mutating(rng)
        model = engine(transport, rng)
        draws, scores = requests(rng)

        async def every(model: OpenAIEngine = model, jobs: Any = (draws, scores)) -> list[Any]:
            answers = [model._answer(job) for each in jobs for job in model.groups(each)]
            async with asyncio.timeout(LIMIT_S):
                return await asyncio.gather(*answers)

        found, stopped = outcome(every, case)
        assert KEY not in stopped, f"case {case}: {stopped}"
        replies = [reply for each in found for reply in each]
        wanted = {each.id for each in (*draws, *scores)}
        assert stopped or {each.request_id for each in replies} == wanted, f"case {case}"
        for reply in replies:
            check(reply, transport.sent, case)
        assert transport.asked < 400, f"case {case}: {transport.asked} calls"


def test_any_header_of_waiting_is_a_time_or_none() -> None:
    for case, rng in cases(3):
        value = mutated(
            rng.choice(HEADER_VALUES).encode("latin-1"), rng, (b"GMT", b"+9999", b":", b"1e9", b"-")
        )
        headers = {
            rng.choice(["retry-after", "retry-after-ms", "date"]): value.decode("latin-1"),
            "retry-after": "7",
        }
        try:
            wait = retry_after(headers | {"retry-after": value.decode("latin-1")}, 1000.0)
        except Exception as failure:
            raise AssertionError(f"case {case}: {value!r}: {failure!r}") from failure
        assert wait is None or wait >= 0, f"case {case}: {value!r}"


WIRE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n%x\r\n%s\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nX-Length: %d\r\n\r\n%s",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: %d\r\n\r\n%s",
    b"HTTP/1.1 307 X\r\nLocation: http://h/\r\nSet-Cookie: a=b\r\nContent-Length: %d\r\n\r\n%s",
)
WIRE_WORDS = (
    b"\r\n", b"\r\n\r\n", b"\n", b"\x00", b":", b" ", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"\xff\xfe",
    b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"HTTP/2.0 200\r\n", b"FFFFFFFFFFFFFFFF\r\n",
    b"X: " + b"y" * 70_000 + b"\r\n", KEY.encode(), b"Upgrade: h2c\r\nConnection: Upgrade\r\n",
    b"HTTP/1.1 101 X\r\n\r\n",
)  # fmt: skip


def test_any_bytes_on_the_wire_are_an_outcome() -> None:
    hide(KEY)
    asyncio.run(_wired())


async def _wired() -> None:
    answers: list[bytes] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answers[-1])
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/"
    for case, rng in cases(3):
        whole = json.dumps(good({}, rng)).encode()
        answers.append(mutated(rng.choice(WIRE) % (len(whole), whole), rng, WIRE_WORDS))
        connections = Connections(url, Settings(), KEY, None)
        try:
            found = await attempt(connections, {"max_tokens": 1, "messages": []}, 5.0)
        except Exception as failure:
            raise AssertionError(f"case {case}: {type(failure).__name__}: {failure}") from failure
        finally:
            await connections.aclose()
        assert (found.fault is None) == (not found.reason), f"case {case}: {found}"
        assert found.reason.isprintable(), f"case {case}: {found.reason!r}"
        assert KEY not in found.reason + found.words, f"case {case}: {found.reason!r}"
    server.close()
