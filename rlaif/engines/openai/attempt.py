"""One attempt against one server. Owns time-outs, the size of an answer, and what each way to fail means."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import httpx

from rlaif.engines.openai.connections import Connections
from rlaif.engines.openai.rate_limits import retry_after
from rlaif.secrets import cleaned

PATH = "chat/completions"
ROOM = 1 << 20
"""Bytes of an answer beside what its tokens may take."""
TOKEN_ROOM = 512
"""Bytes a token may take, its escapes included."""
CANDIDATE_ROOM = 512
"""Bytes one candidate of a token's log-probabilities may take."""
SHOWN = 300
READ = 8192
"""Bytes of an error's text that are looked at: first cleaned of secrets, then cut."""


class AttemptFault(Enum):
    """What a failed attempt says about the call and the server."""

    CALL = "call"
    """The request itself is wrong: no other attempt helps."""
    AGAIN = "again"
    """This answer is none: ask again, here or elsewhere."""
    BUSY = "busy"
    """The server wants to be left alone for a while."""
    DOWN = "down"
    """The server was not reached."""
    WRONG = "wrong"
    """The server is another one than it should be: key, address or model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOutcome:
    """What an attempt came to: a JSON object, or a fault with its reason."""

    body: Mapping[str, Any] = field(default_factory=dict)
    fault: AttemptFault | None = None
    reason: str = ""
    status: int = 0
    wait: float | None = None
    """Seconds that the server asks to wait."""
    silent: bool = False
    """Whether the time ran out without a whole answer."""


async def attempt(connections: Connections, body: Mapping[str, Any], total: float) -> AttemptOutcome:
    """Send `body` once."""
    most = room(body)
    try:
        with connections.client() as client:
            async with asyncio.timeout(total):
                answer = await client.send(client.build_request("POST", PATH, json=body), stream=True)
                try:
                    packed = answer.headers.get("content-encoding", "identity") != "identity"
                    whole = None if packed else await _whole(answer, most)
                finally:
                    await answer.aclose()
            if answer.http_version == "HTTP/2":
                connections.share(client)
    except TimeoutError:
        return AttemptOutcome(fault=AttemptFault.AGAIN, reason=f"no whole answer in {total:g} s", silent=True)
    except (httpx.ConnectError, httpx.ConnectTimeout) as failure:
        return AttemptOutcome(fault=AttemptFault.DOWN, reason=_told(failure))
    except (httpx.HTTPError, httpx.StreamError) as failure:
        return AttemptOutcome(fault=AttemptFault.AGAIN, reason=_told(failure))
    if whole is None:
        return AttemptOutcome(
            fault=AttemptFault.AGAIN, reason=f"the answer is larger than {most} bytes, or packed"
        )
    return _read(answer, whole)


def room(body: Mapping[str, Any]) -> int:
    """Bytes that the answer to `body` may have."""
    tokens = int(body.get("max_tokens") or body.get("max_completion_tokens") or 1)
    each = TOKEN_ROOM + CANDIDATE_ROOM * int(body.get("top_logprobs") or 0)
    told = len(json.dumps(body.get("messages", ()))) * CANDIDATE_ROOM if "prompt_logprobs" in body else 0
    return ROOM + tokens * int(body.get("n") or 1) * each + told


async def _whole(answer: httpx.Response, most: int) -> bytes | None:
    parts, size = [], 0
    async for part in answer.aiter_bytes():
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)


def _read(answer: httpx.Response, whole: bytes) -> AttemptOutcome:
    status = answer.status_code
    if status == httpx.codes.OK:
        return _object(whole)
    reason = f"status {status}: {_shown(whole)}"
    wait = retry_after(answer.headers, time.time())
    if status in (429, 503, 529):
        return AttemptOutcome(fault=AttemptFault.BUSY, reason=reason, status=status, wait=wait)
    if status >= 500 or status in (408, 409, 425):
        return AttemptOutcome(fault=AttemptFault.AGAIN, reason=reason, status=status, wait=wait)
    if status in (401, 403, 404) or 300 <= status < 400:
        return AttemptOutcome(fault=AttemptFault.WRONG, reason=reason, status=status)
    return AttemptOutcome(fault=AttemptFault.CALL, reason=reason, status=status)


def _object(whole: bytes) -> AttemptOutcome:
    try:
        body = json.loads(whole)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        reason = f"the server sent what is no completion: {_shown(whole)}"
        return AttemptOutcome(fault=AttemptFault.AGAIN, reason=reason, status=200)
    return AttemptOutcome(body=body, status=200)


def _shown(whole: bytes) -> str:
    """The beginning of an answer that is none, without the secrets that it repeats."""
    return cleaned(whole[:READ].decode("utf-8", "replace"))[:SHOWN]


def _told(failure: Exception) -> str:
    return cleaned(f"{type(failure).__name__}: {failure}")
