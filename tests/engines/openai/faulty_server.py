"""A server of OpenAI's chat completions on a real socket, which fails as servers do. Faults are dealt by a seed.

Which of the calls get a fault, and which one, goes by their number alone, whatever else the server draws meanwhile.
Answers are a function of what is asked, so that a test can tell which answer belongs to which call.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Self

FAULTS = (
    "429", "429-after", "429-date", "500", "hang", "drip", "cut", "not-json", "no-choices", "other-model",
    "again", "two", "huge", "reset", "null",
)  # fmt: skip
MODEL = "org/model"


def reply_text(messages: Sequence[Mapping[str, str]]) -> str:
    """What the server answers: the last turn, in capitals."""
    return messages[-1]["content"].upper()


@dataclass
class FaultyServer:
    """One server, on a thread of its own. `share` of the calls get a fault, dealt evenly from `faults`."""

    share: float = 0.0
    faults: Sequence[str] = FAULTS
    seed: int = 0
    model: str = MODEL
    delay: Callable[[random.Random], float] = lambda _: 0.0
    at_most: int = 0
    """Calls that are answered at once; the others wait. 0: no limit."""
    refuse: Callable[[Mapping[str, Any]], str | None] = lambda _: None
    """Why a body is refused with status 400, or None."""
    serve: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda _: {}
    """Choices and usage in place of the usual ones, as a model that thinks has them."""
    holds: Callable[[], bool] = lambda: False
    """Right answers wait while this is so: an event of the test's, where a delay would be a guess."""
    hang_s: float = 3600.0
    port: int = 0
    calls: list[dict[str, Any]] = field(default_factory=list)
    keep_calls: bool = True
    served: Counter[str] = field(default_factory=Counter)
    """By last turn: how often a right answer was sent."""
    dealt: Counter[str] = field(default_factory=Counter)
    arrivals: list[float] = field(default_factory=list)
    most_at_once: int = 0
    asked: int = 0

    def __enter__(self) -> Self:
        self._dealer, self._random = random.Random(self.seed), random.Random(self.seed + 1)
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._last = b""
        self._at_once = 0
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(300)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(300)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._places = asyncio.Semaphore(self.at_most or 1_000_000)
        server = self._loop.run_until_complete(asyncio.start_server(self._connected, "127.0.0.1", self.port))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        for task in [*self._tasks, *asyncio.all_tasks(self._loop)]:
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while body := await _request(reader):
                self._at_once += 1
                self.most_at_once = max(self.most_at_once, self._at_once)
                try:
                    await self._answer(body, writer)
                finally:
                    self._at_once -= 1
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, TimeoutError):
            pass
        finally:
            writer.close()

    async def _answer(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if self.keep_calls:
            self.calls.append(body)
            self.arrivals.append(time.monotonic())
        self.asked += 1
        fault = self._dealer.choice(list(self.faults)) if self._dealer.random() < self.share else ""
        if fault:
            self.dealt[fault] += 1
        async with self._places:
            await asyncio.sleep(self.delay(self._random))
            if why := self.refuse(body):
                await _send(writer, 400, json.dumps({"error": {"message": why}}).encode())
            elif fault:
                await self._fail(fault, body, writer)
            else:
                while self.holds():
                    await asyncio.sleep(0.005)
                self.served[body["messages"][-1]["content"]] += 1
                self._last = json.dumps(self._completion(body)).encode()
                await _send(writer, 200, self._last)

    def _completion(self, body: Mapping[str, Any], **changed: Any) -> dict[str, Any]:
        text = reply_text(body["messages"])
        choice: dict[str, Any] = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        if body.get("logprobs"):
            top = [{"token": "yes", "logprob": -0.5}, {"token": "no", "logprob": -1.25}]
            choice["logprobs"] = {"content": [{"token": "yes", "logprob": -0.5, "top_logprobs": top}]}
        used = {"prompt_tokens": len(text), "completion_tokens": 2}
        choices = [{"index": place, **choice} for place in range(int(body.get("n") or 1))]
        whole = {"id": f"c-{self._random.getrandbits(64):x}", "model": self.model, "choices": choices}
        return {**whole, "usage": used, **self.serve(body), **changed}

    async def _fail(self, fault: str, body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        whole = self._completion(body)
        sent = json.dumps(whole).encode()
        if fault in (spoiled := _spoiled(whole, self._last)):
            await _send(writer, *spoiled[fault])
        elif fault == "hang":
            await asyncio.sleep(self.hang_s)
        elif fault == "drip":
            writer.write(_head(200, len(sent), {}))
            for each in sent:
                writer.write(bytes([each]))
                await writer.drain()
                await asyncio.sleep(0.1)
        elif fault == "cut":
            writer.write(_head(200, len(sent), {}) + sent[: len(sent) // 2])
            await writer.drain()
            writer.close()
        elif fault == "huge":
            await self._flood(writer)
        else:
            assert fault == "reset", fault
            writer.transport.abort()

    async def _flood(self, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(200, 1 << 40, {}))
        for _ in range(1 << 16):
            writer.write(b" " * (1 << 16))
            await writer.drain()


def _spoiled(whole: dict[str, Any], last: bytes) -> dict[str, tuple[Any, ...]]:
    """Answers that are sent whole, and are none: status, bytes, headers."""
    now = formatdate(time.time(), usegmt=True)
    null = {"message": {"content": None}, "finish_reason": "stop"}
    bodies = {
        "no-choices": {**whole, "choices": []},
        "other-model": {**whole, "model": "another"},
        "two": {**whole, "choices": whole["choices"] * 2},
        "null": {**whole, "choices": [null]},
    }
    return {
        "429": (429, b"slow down"),
        "429-after": (429, b"slow down", {"Retry-After": "0.02"}),
        "429-date": (429, b"", {"Date": now, "Retry-After": now}),
        "500": (500, b"oops"),
        "not-json": (200, b"<html>busy</html>"),
        "again": (200, last or b"{}"),
        **{name: (200, json.dumps(body).encode()) for name, body in bodies.items()},
    }


async def _request(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The body of the next request on a connection; empty when it was closed, or speaks no HTTP (it begins TLS)."""
    first = await reader.readexactly(1)
    if not first.isalpha():
        return {}
    head = first + await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    whole = await reader.readexactly(int(headers.get("content-length", "0")))
    body: dict[str, Any] = json.loads(whole)
    body["_path"], body["_authorization"] = lines[0].split(" ")[1], headers.get("authorization", "")
    return body


async def _send(
    writer: asyncio.StreamWriter, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    writer.write(_head(status, len(body), headers or {}) + body)
    await writer.drain()


def _head(status: int, length: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
