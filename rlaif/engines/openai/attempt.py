"""One attempt against one server. Owns time-outs, the size of an answer, and what each way to fail means."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

import httpx

from rlaif.boundary import told
from rlaif.engines.openai.connections import Connections
from rlaif.engines.openai.error_text import SHOWN, error_text, one_line
from rlaif.engines.openai.packed import unpacked
from rlaif.engines.openai.rate_limits import retry_after
from rlaif.engines.openai.response_body import read_body, stated_error
from rlaif.secrets import cleaned

PATH = "chat/completions"
MODELS = "models"
"""Where a server lists what it serves; some have no such list."""
ROOM = 1 << 20
"""Bytes of an answer beside what its tokens may take."""
TOKEN_ROOM = 512
"""Bytes a token may take, its escapes included."""
CANDIDATE_ROOM = 512
"""Bytes one candidate of a token's log-probabilities may take."""
_NO_MONEY = (
    "insufficient_quota",
    "insufficient balance",
    "insufficient credits",
    "exceeded your current quota",
)
"""As a refusal says that waiting helps nobody."""
_FILTERED = re.compile(
    r"content[_ -]?(?:filter|policy|management|moderation)|moderat|flagged|safety|prohibited|responsibleai",
    re.IGNORECASE,
)
"""As a server says, of this text alone, that it does not answer to it: with status 403 some do."""
_TOO_LONG = re.compile(
    r"context (?:length|size|window)|maximum context|(?:prompt|input|request)(?: is)? too (?:long|large)|exceed\w* the "
    r"(?:available|maximum) (?:context|input)",
    re.IGNORECASE,
)
"""As a server says it of this text alone: some call it a fault of their own (500)."""
_CUT = "max_tokens or model output limit was reached"
"""As OpenAI's models say, with status 400, that all tokens went into thinking."""


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
    """What was answered; with a fault too, as its tokens are to be paid."""
    fault: AttemptFault | None = None
    reason: str = ""
    status: int = 0
    words: str = ""
    """The server's own words where it refuses, longer than a reason shows them."""
    wait: float | None = None
    """Seconds that the server asks to wait."""
    silent: bool = False
    """Whether the time ran out without a whole answer."""


async def attempt(connections: Connections, body: Mapping[str, Any], total: float) -> AttemptOutcome:
    """Send `body` once. Whatever the other side sends, or a library makes of it, is an outcome."""
    most = room(body)
    try:
        with connections.client() as client:
            async with asyncio.timeout(total):
                answer = await client.send(client.build_request("POST", PATH, json=body), stream=True)
                connections.answered = True
                try:
                    whole = await _whole(answer, most)
                finally:
                    await answer.aclose()
            if answer.http_version == "HTTP/2":
                connections.share(client)
    except TimeoutError:
        return AttemptOutcome(fault=AttemptFault.AGAIN, reason=f"no whole answer in {total:g} s", silent=True)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as failure:
        return AttemptOutcome(fault=AttemptFault.DOWN, reason=_told(failure))
    except (httpx.ReadError, httpx.RemoteProtocolError) as failure:
        wants_tls = connections.plain and not connections.answered
        hint = "; the connection was closed: does the server want https://?" if wants_tls else ""
        return AttemptOutcome(fault=AttemptFault.AGAIN, reason=_told(failure) + hint)
    except Exception as failure:  # noqa: BLE001 - HTTP, TLS and socket libraries raise what they like
        return AttemptOutcome(fault=AttemptFault.AGAIN, reason=_told(failure))
    if whole is None:
        return AttemptOutcome(fault=AttemptFault.AGAIN, reason=f"the answer is larger than {most} bytes")
    found = unpacked(whole, answer.headers.get("content-encoding", ""), most)
    if found.problem:
        fault = AttemptFault.AGAIN if found.again else AttemptFault.CALL
        return AttemptOutcome(fault=fault, reason=found.problem, status=answer.status_code)
    return _read(answer, found.whole, int(body.get("n") or 1))


async def look(connections: Connections, total: float) -> AttemptOutcome:
    """Whether a server is there: its list of models is asked for, which is no call of a model and costs nothing.

    Not reached (DOWN), or the key refused (WRONG); any other answer, and none in time, leaves it to the first call.
    The body is the list, where it is one.
    """
    try:
        with connections.client() as client:
            async with asyncio.timeout(total):
                answer = await client.send(client.build_request("GET", MODELS), stream=True)
                try:
                    status, whole = answer.status_code, await _whole(answer, ROOM) or b""
                finally:
                    await answer.aclose()
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as failure:
        return AttemptOutcome(fault=AttemptFault.DOWN, reason=_told(failure))
    except Exception:  # noqa: BLE001 - whoever answers oddly here may well answer calls
        return AttemptOutcome()
    if status == httpx.codes.UNAUTHORIZED:
        return _refusal(status, error_text(whole))
    return AttemptOutcome(body=read_body(whole).body if status == httpx.codes.OK else {})


def room(body: Mapping[str, Any]) -> int:
    """Bytes that the answer to `body` may have."""
    tokens = int(body.get("max_tokens") or body.get("max_completion_tokens") or 1)
    each = TOKEN_ROOM + CANDIDATE_ROOM * int(body.get("top_logprobs") or 0)
    told = len(json.dumps(body.get("messages", ()))) * CANDIDATE_ROOM if "prompt_logprobs" in body else 0
    return ROOM + tokens * int(body.get("n") or 1) * each + told


async def _whole(answer: httpx.Response, most: int) -> bytes | None:
    # as it was sent: a small packed answer must not unfold into a huge one
    assert isinstance(answer.stream, httpx.AsyncByteStream)
    parts, size = [], 0
    async for part in answer.stream:
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)


def _read(answer: httpx.Response, whole: bytes, count: int) -> AttemptOutcome:
    status = answer.status_code
    if status == httpx.codes.OK:
        return _object(whole)
    words = error_text(whole)
    if status == httpx.codes.BAD_REQUEST and _CUT in words:
        cut = {"message": {"content": None}, "finish_reason": "length"}
        return AttemptOutcome(body={"choices": [cut] * count}, status=200)
    if 300 <= status < 400:
        words = _elsewhere(answer) or words
    outcome = _refusal(status, words)
    if outcome.fault in (AttemptFault.BUSY, AttemptFault.AGAIN):
        return replace(outcome, wait=retry_after(answer.headers, time.time()))
    return outcome


def _refusal(status: int, words: str) -> AttemptOutcome:
    """What a status other than 200 means."""
    reason = f"status {status}: {words[:SHOWN] or 'an empty answer'}"
    if status == 402 or (status in (403, 429) and any(each in words.lower() for each in _NO_MONEY)):
        fault = AttemptFault.WRONG
    elif status in (429, 503, 529):
        fault = AttemptFault.BUSY
    elif (status == 403 and _FILTERED.search(words)) or (status >= 500 and _TOO_LONG.search(words)):
        fault = AttemptFault.CALL
    elif status >= 500 or status < 300 or status in (408, 409, 425):
        fault = AttemptFault.AGAIN
    elif status in (401, 403, 404) or status < 400:
        fault = AttemptFault.WRONG
    else:
        fault = AttemptFault.CALL
    return AttemptOutcome(fault=fault, reason=reason, status=status, words=words)


def _elsewhere(answer: httpx.Response) -> str:
    """Where a server sends its callers, without what may be secret in the address. A key never follows."""
    try:
        place = urlsplit(answer.headers.get("location", ""))
        where = (
            f"{place.scheme}://{place.hostname}{f':{place.port}' if place.port else ''}"
            if place.hostname
            else ""
        )
    except ValueError:
        return ""
    where = one_line(f"{where}{place.path}")
    return f"calls are sent on to {where}, which is not followed; name the right address" if where else ""


def _object(whole: bytes) -> AttemptOutcome:
    body, problem, again = read_body(whole)
    if problem:
        fault = AttemptFault.AGAIN if again else AttemptFault.CALL
        return AttemptOutcome(body=body, fault=fault, reason=problem, status=200)
    stated = stated_error(body)
    if stated is None:
        return AttemptOutcome(body=body, status=200)
    words, code = stated
    reason = f"the server answered with an error: {words[:SHOWN]}"
    # nobody was refused by its status: what a gateway's own backend refuses it, is no matter of key or address
    found = _refusal(code, words).fault if code else None
    fault = found if found in (AttemptFault.CALL, AttemptFault.BUSY) else AttemptFault.AGAIN
    return AttemptOutcome(body=body, fault=fault, reason=reason, status=200, words=words)


def _told(failure: Exception) -> str:
    return cleaned(f"{type(failure).__name__}: {told(failure)}")
