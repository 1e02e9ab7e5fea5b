"""Servers for `feedback_throughput.py`: one that waits, and a relay in front of a real one. Both know the times."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[1]
VLLM = ROOT / ".venv-vllm/bin/python"
START_S = 400.0
PROBE = b'"messages": []'
"""curator sends one call without a question first, to read limits from the headers of the refusal."""


@dataclass
class Clock:
    """When the first question of a contestant came and its last answer went."""

    first: float = 0.0
    last: float = 0.0
    calls: int = 0

    def came(self) -> None:
        self.first = self.first or time.monotonic()

    def went(self) -> None:
        self.last = time.monotonic()
        self.calls += 1


@dataclass
class Waiting:
    """Answers after 20 to 200 ms, `limit` calls at a time; what comes above it waits its turn."""

    limit: int
    latency: tuple[float, float]
    clock: Clock = field(default_factory=Clock)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        self._places, self._random = asyncio.Semaphore(self.limit), random.Random(0)
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        finally:
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = head.partition("content-length:")[2].partition("\r\n")[0]
                body = await reader.readexactly(int(length))
                if PROBE in body:
                    writer.write(_http(400, b"{}"))
                    continue
                self.clock.came()
                async with self._places:
                    await asyncio.sleep(self._random.uniform(*self.latency))
                writer.write(_http(200, _answer(self.clock.calls)))
                await writer.drain()
                self.clock.went()
        writer.close()


@dataclass
class Relay:
    """Hands bytes on to `port` and back."""

    port: int
    clock: Clock = field(default_factory=Clock)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        finally:
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await asyncio.open_connection("127.0.0.1", self.port)
        with suppress(ConnectionError):
            await asyncio.gather(self._asked(reader, there), self._answered(back, writer))

    async def _asked(self, reader: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            # head and body may come apart: only what carries a question starts the clock
            if b'"content"' in data:
                self.clock.came()
            there.write(data)
            await there.drain()
        there.close()

    async def _answered(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await back.read(1 << 16):
            writer.write(data)
            await writer.drain()
            if b'"choices"' in data:
                self.clock.went()
        writer.close()


@contextmanager
def vllm(at_once: int) -> Iterator[int]:
    """Port of vLLM's server on the bundled model. Without its prefix cache: nobody is to gain by coming later."""
    from rlaif.engines.model_directory import resolve_directory
    from rlaif.engines.vllm.pad_heads import fit_for_cpu

    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
        free.close()
        model = fit_for_cpu(resolve_directory("micro"), Path(folder, "micro"))
        command = [str(VLLM), "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
        command += ["--served-model-name", "micro", "--host", "127.0.0.1", "--port", str(port)]
        command += [
            "--dtype",
            "float32",
            "--enforce-eager",
            "--block-size",
            "32",
            "--no-enable-prefix-caching",
        ]
        command += ["--max-num-seqs", str(at_once), "--disable-uvicorn-access-log"]
        settings = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True,
                env={**os.environ, **settings, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        try:
            _await(port, process, Path(folder, "log"))
            yield port
        finally:
            # its workers are its children: all of the session that it leads
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.5)
    raise SystemExit("vLLM's server did not start:\n" + log.read_text(encoding="utf-8")[-2000:])


def _answer(number: int) -> bytes:
    top = [
        {"token": each, "logprob": -1.0 - place / 4, "bytes": None}
        for place, each in enumerate("BACDEFGHIJKLMNOPQRST")
    ]
    told = {"content": [{**top[0], "top_logprobs": top}]}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "B"},
        "finish_reason": "length",
        "logprobs": told,
    }
    used = {"prompt_tokens": 90, "completion_tokens": 1, "total_tokens": 91}
    whole: dict[str, Any] = {"id": f"c-{number}", "object": "chat.completion", "created": 0, "model": "micro"}
    return json.dumps({**whole, "choices": [choice], "usage": used}).encode()


def _http(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
