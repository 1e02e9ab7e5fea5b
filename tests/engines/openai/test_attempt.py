"""One attempt: whatever comes over the wire is an object or a fault with one sentence, without the key."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import Any

import httpx
import pytest

from rlaif.engines.openai.attempt import AttemptFault, AttemptOutcome, attempt, room
from rlaif.engines.openai.connections import Connections
from rlaif.engines.openai.name import Settings
from rlaif.secrets import hide

from .tables import named, rows

KEY = "sk-hidden-0123456789"
BODY = {"max_tokens": 1, "messages": [], "n": 1}
GOOD = json.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}).encode()


def asked(answer: httpx.Response | Exception, body: dict[str, Any] = BODY) -> AttemptOutcome:
    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if isinstance(answer, Exception):
                raise answer
            return answer

    return asyncio.run(attempt(Connections("http://h/v1/", Settings(), KEY, Transport()), body, 300.0))


def sent(whole: bytes, status: int = 200, **headers: str) -> httpx.Response:
    """An answer as it comes from a socket: nobody has unpacked it yet."""
    named_ = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, stream=httpx.ByteStream(whole), headers=named_)


@pytest.mark.parametrize("row", rows("errors"), ids=named)
def test_each_error_is_one_sentence_and_costs_what_it_must(row: dict[str, Any]) -> None:
    hide(KEY)
    raw = row.get("raw", json.dumps(row.get("body")))
    raw = {"NESTED": "[" * 200_000}.get(raw, raw.replace("DIGITS", "0" * 5000))
    outcome = asked(sent(raw.encode(), row["status"], **row.get("headers", {})))
    assert (outcome.fault and outcome.fault.value) == row["fault"]
    assert row.get("says", "") in outcome.reason
    assert outcome.reason.isprintable()
    assert len(outcome.reason) < 500
    assert KEY not in outcome.reason + outcome.words


def test_thoughts_that_took_all_tokens_are_a_cut_text() -> None:
    row = next(each for each in rows("errors") if each["server"] == "OpenAI, thoughts took all")
    outcome = asked(sent(json.dumps(row["body"]).encode(), 400), {**BODY, "n": 2})
    assert [each["finish_reason"] for each in outcome.body["choices"]] == ["length"] * 2


@pytest.mark.parametrize(
    ("whole", "named_as"),
    [
        (gzip.compress(GOOD, mtime=0), "gzip"),
        (gzip.compress(GOOD, mtime=0), "x-gzip"),
        (gzip.compress(GOOD, mtime=0), "identity, gzip"),
        (gzip.compress(GOOD, mtime=0), ""),  # the header was dropped
        (gzip.compress(GOOD[:20], mtime=0) + gzip.compress(GOOD[20:], mtime=0), "gzip"),
        (zlib.compress(GOOD), "deflate"),
        (zlib.compress(GOOD)[2:-4], "deflate"),  # the bare form, which some servers mean
        (GOOD, "gzip"),  # unpacked on the way, and the header kept
        (GOOD, "br"),
        (b"\n " + GOOD, "zstd"),
        (GOOD, "identity"),
    ],
)
def test_a_packed_answer_is_read_though_none_was_asked_for(whole: bytes, named_as: str) -> None:
    outcome = asked(sent(whole, content_encoding=named_as))
    assert (outcome.fault, outcome.reason) == (None, "")
    assert outcome.body == json.loads(GOOD)


@pytest.mark.parametrize(
    ("whole", "named_as", "says", "fault"),
    [
        (b"\x1b\x2a\x00\xf8", "br", "packed (br)", AttemptFault.CALL),
        (b"\x28\xb5\x2f\xfd\x24\x00", "zstd", "packed (zstd)", AttemptFault.CALL),
        (b"\x28\xb5\x2f\xfd\x24\x00", "", "packed (zstd)", AttemptFault.CALL),
        (gzip.compress(GOOD, mtime=0), "gzip, gzip", "packed (gzip)", AttemptFault.CALL),
        (gzip.compress(GOOD, mtime=0)[:-9], "gzip", "cut off", AttemptFault.AGAIN),
        (gzip.compress(GOOD, mtime=0)[:10] + b"\xff" * 40, "gzip", "cannot be unpacked", AttemptFault.AGAIN),
        (gzip.compress(b" " * (1 << 24), mtime=0), "gzip", "unpacks to more than", AttemptFault.AGAIN),
        (zlib.compress(b" " * (1 << 24)), "deflate", "unpacks to more than", AttemptFault.AGAIN),
        (b"", "gzip", "packed (gzip)", AttemptFault.CALL),
    ],
)
def test_a_packed_answer_that_is_not_read_says_why(
    whole: bytes, named_as: str, says: str, fault: AttemptFault
) -> None:
    outcome = asked(sent(whole, content_encoding=named_as))
    assert says in outcome.reason
    assert outcome.fault is fault


@pytest.mark.parametrize(
    "whole",
    [
        b'{"id": "\\ud800"}', b'{"\\udfff": 1}', b'{"a": [["\\ud83dx"]]}', b'{"id": "\xed\xa0\x80"}',
        '{"id": "\ud800"}'.encode("utf-16", "surrogatepass"), '{"id": "\\ud800"}'.encode("utf-16"),
        '{"id": "\\ud800"}'.encode("utf-32"), '{"id": "\\ud800"}'.encode("utf-8-sig"),
    ],
)  # fmt: skip
def test_half_a_character_anywhere_and_however_encoded_is_no_answer(whole: bytes) -> None:
    outcome = asked(sent(whole))
    assert outcome.fault is AttemptFault.AGAIN
    assert "half a character" in outcome.reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_whole_characters_are_read_in_every_encoding_of_json(encoding: str) -> None:
    outcome = asked(sent('{"id": "\U0001f600 \ud7ff"}'.encode(encoding)))
    assert outcome.body == {"id": "\U0001f600 \ud7ff"}


@pytest.mark.parametrize("whole", ['{"id": "caf\u00e9"}'.encode("latin-1"), b'{"id": "\xff\xfe"}'])
def test_bytes_of_another_encoding_are_called_so(whole: bytes) -> None:
    assert "no UTF-8" in asked(sent(whole)).reason


def test_an_error_that_is_packed_is_read_too() -> None:
    packed = gzip.compress(b'{"error": {"message": "too long"}}')
    assert asked(sent(packed, 400, content_encoding="gzip")).reason == "status 400: too long"


def test_an_answer_that_is_larger_than_its_tokens_can_be_is_not_kept() -> None:
    assert "larger than" in asked(sent(b" " * (room(BODY) + 1))).reason


@pytest.mark.parametrize(
    "failure",
    [
        httpx.RemoteProtocolError(f"illegal header {KEY}"), httpx.ReadError("reset"), httpx.DecodingError("x"),
        ValueError(f"invalid literal {KEY}"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), RuntimeError("loop"),
        KeyError("x"), OSError(5, "x"), MemoryError(), RecursionError(), ExceptionGroup("several", [ValueError("x")]),
    ],
)  # fmt: skip
def test_whatever_a_library_raises_is_an_answer_that_is_none(failure: Exception) -> None:
    hide(KEY)
    outcome = asked(failure)
    assert outcome.fault is AttemptFault.AGAIN
    assert type(failure).__name__ in outcome.reason
    assert KEY not in outcome.reason


def test_a_key_does_not_follow_to_another_place() -> None:
    places = []

    def answer(request: httpx.Request) -> httpx.Response:
        places.append(request.url.host)
        return httpx.Response(307, headers={"Location": "http://elsewhere/v1/chat/completions"})

    connections = Connections("http://h/v1/", Settings(), KEY, httpx.MockTransport(answer))
    outcome = asyncio.run(attempt(connections, BODY, 300.0))
    assert places == ["h"]
    assert "http://elsewhere/v1/chat/completions" in outcome.reason
