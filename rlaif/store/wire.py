"""Requests and replies as rows. Texts go to blobs, cut where neighbouring requests part from each other."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args
from zlib import crc32

from rlaif.hashing import digest_bytes
from rlaif.records import Finish, GenerateRequest, Generation, Message, Sampling, Score, ScoreRequest, Usage
from rlaif.secrets import cleaned

_NUMBERS = (float, int)
_FINISHES = get_args(Finish)
Request = GenerateRequest | ScoreRequest
Reply = Generation | Score
# made once: json.dumps makes one a call when anything is not as by default
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True)


def request_rows(requests: Sequence[Request]) -> tuple[list[str], dict[str, bytes]]:
    """JSON of each request with its texts as blob digests, and the blobs.

    Sixteen principles asked about one completion share one long beginning: it is stored once.
    """
    blobs: dict[str, bytes] = {}

    def put(text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        name = digest_bytes(data)
        blobs[name] = data
        return name

    last = [each.messages[-1].content if each.messages else "" for each in requests]
    rows = []
    for place, request in enumerate(requests):
        near = [last[other] for other in (place - 1, place + 1) if 0 <= other < len(last)]
        cut = max((_parting(last[place], other) for other in near), default=0)
        parts = [[each.content] for each in request.messages]
        if cut:
            parts[-1] = [last[place][:cut], last[place][cut:]]
        turns = [[each.role, [*map(put, part)]] for each, part in zip(request.messages, parts, strict=True)]
        rows.append(_ENCODER.encode({"turns": turns, **_settings(request)}))
    return rows, blobs


def row_request(kind: str, row: str, blob: Callable[[str], bytes]) -> Request:
    """The request of a row. Its own id was not kept: it is not what was sent."""
    fields = json.loads(row)
    messages = tuple(
        Message(role=role, content=b"".join(map(blob, parts)).decode("utf-8", "surrogatepass"))
        for role, parts in fields.pop("turns")
    )
    if kind == "score":
        fields["continuations"] = tuple(fields["continuations"])
        return ScoreRequest(id="", messages=messages, **fields)
    sampling = fields.pop("sampling")
    sampling["stop"] = tuple(sampling["stop"])
    return GenerateRequest(id="", messages=messages, sampling=Sampling(**sampling), **fields)


def reply_row(reply: Reply) -> str | None:
    """JSON of a reply; None for a failed one, which is never a reply."""
    if failure(reply):
        return None
    if isinstance(reply, Score):
        alike = {"alike": reply.alike} if reply.alike else {}
        votes = {"votes": reply.votes} if reply.votes else {}
        return json.dumps({"logprobs": reply.logprobs, **alike, **votes})
    ids = None if reply.token_ids is None else list(reply.token_ids)
    fields = {"text": reply.text, "finish": reply.finish, "token_ids": ids, "logprob": reply.logprob}
    return json.dumps(fields)


def row_reply(kind: str, row: str, request_id: str, usage: Usage) -> Reply:
    """The reply of a row, as answer to the request `request_id`. Raises where it is none, whatever it meets."""
    fields: Mapping[str, Any] = json.loads(row)
    if type(usage.prompt_tokens) is not int or type(usage.completion_tokens) is not int:
        raise TypeError("its numbers of tokens are none")
    if kind == "score":
        logprobs = tuple(fields["logprobs"])
        if not all(type(each) in _NUMBERS for each in logprobs):
            raise TypeError("a log-probability is no number")
        return Score(
            request_id=request_id,
            logprobs=logprobs,
            usage=usage,
            alike=tuple(fields.get("alike", ())),
            votes=fields.get("votes", 0),
        )
    ids = fields["token_ids"]
    if not isinstance(fields["text"], str) or type(fields["logprob"]) not in (*_NUMBERS, type(None)):
        raise TypeError("its text or log-probability is none")
    if fields["finish"] not in _FINISHES or (ids is not None and not set(map(type, ids)) <= {int}):
        raise TypeError("its end or its tokens are none")
    return Generation(
        request_id=request_id,
        text=fields["text"],
        finish=fields["finish"],
        token_ids=None if ids is None else tuple(ids),
        logprob=fields["logprob"],
        usage=usage,
    )


def reply_digest(key: str, reply: str, prompt_tokens: int, completion_tokens: int) -> int:
    """What tells a stored reply from one that was changed since, by accident or by hand."""
    # not one against forgers, who could write a digest too: a cryptographic one takes a tenth of the time of a look-up
    text = f"{key}\n{prompt_tokens} {completion_tokens}\n{reply}"
    return crc32(text.encode("utf-8", "surrogatepass"))


def failure(reply: Reply) -> str | None:
    """Why a reply is none. A model that returns NaN has failed: NaN compares as neither better nor worse."""
    if reply.error is not None:
        return cleaned(reply.error)
    if isinstance(reply, Score) and any(map(math.isnan, reply.logprobs)):
        return "the model returned NaN"
    return None


def kind_of(request: Request) -> str:
    """Return which call a request is: `generate` or `score`."""
    return "score" if isinstance(request, ScoreRequest) else "generate"


def _settings(request: Request) -> dict[str, Any]:
    if isinstance(request, ScoreRequest):
        return {"continuations": request.continuations, "assistant_prefix": request.assistant_prefix}
    how = request.sampling
    sampling = {name: getattr(how, name) for name in Sampling.__slots__}
    schema = {} if request.schema is None else {"schema": dict(request.schema)}
    return {"sampling": sampling, "seed": request.seed, "draw": request.draw, **schema}


def _parting(one: str, other: str) -> int:
    """Length of the longest common beginning that ends with a line, by halving."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return one.rfind("\n", 0, low) + 1
