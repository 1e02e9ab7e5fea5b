"""Requests and replies as rows. Texts go to blobs, cut where neighbouring requests part from each other."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args
from zlib import crc32

from rlaif.hashing import digest_bytes
from rlaif.records import (
    Finish,
    GenerateRequest,
    Generation,
    Message,
    Sampling,
    Score,
    ScoreRequest,
    ToolCall,
    Usage,
)
from rlaif.secrets import cleaned

_NUMBERS = (float, int)
_FINISHES = get_args(Finish)
Request = GenerateRequest | ScoreRequest
Reply = Generation | Score
# made once: json.dumps makes one a call when anything is not as by default
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True)
_DECODER = json.JSONDecoder()


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
        turns = [
            [each.role, [*map(put, part)], *_beside(each)]
            for each, part in zip(request.messages, parts, strict=True)
        ]
        rows.append(_ENCODER.encode({"turns": turns, **_settings(request)}))
    return rows, blobs


def row_request(kind: str, row: str, blob: Callable[[str], bytes]) -> Request:
    """The request of a row. Its own id was not kept: it is not what was sent."""
    fields = json.loads(row)
    messages = tuple(
        Message(
            role=role,
            content=b"".join(map(blob, parts)).decode("utf-8", "surrogatepass"),
            **_set_beside(*beside),
        )
        for role, parts, *beside in fields.pop("turns")
    )
    fields["tools"] = tuple(fields.pop("tools", ()))
    if kind == "score":
        fields["continuations"] = tuple(fields["continuations"])
        thinking = fields.pop("thinking", None)
        return ScoreRequest(id="", messages=messages, thinking=thinking and _sampling(thinking), **fields)
    return GenerateRequest(id="", messages=messages, sampling=_sampling(fields.pop("sampling")), **fields)


def reply_row(reply: Reply) -> str | None:
    """JSON of a reply; None for a failed one, which is never a reply."""
    if failure(reply):
        return None
    if isinstance(reply, Score):
        alike = {"alike": reply.alike} if reply.alike else {}
        votes = {"votes": reply.votes} if reply.votes else {}
        thought = {"thought": reply.thought} if reply.thought else {}
        return json.dumps({"logprobs": reply.logprobs, **alike, **votes, **thought})
    ids = None if reply.token_ids is None else list(reply.token_ids)
    fields = {"text": reply.text, "finish": reply.finish, "token_ids": ids, "logprob": reply.logprob}
    late = {
        "thought": reply.thought,
        "open_thought": reply.open_thought,
        "tool_calls": _call_rows(reply.tool_calls),
    }
    return json.dumps(fields | {name: value for name, value in late.items() if value})


def row_reply(kind: str, row: str, request_id: str, usage: Usage) -> Reply:
    """The reply of a row, as answer to the request `request_id`. Raises where it is none, whatever it meets."""
    fields = _fields(row)
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
            thought=_text(fields.get("thought", "")),
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
        thought=_text(fields.get("thought", "")),
        open_thought=fields.get("open_thought", False) is True,
        tool_calls=_calls(fields.get("tool_calls", ())),
    )


def _fields(row: str) -> Mapping[str, Any]:
    """The mapping of a row as we write it. Raises ValueError for anything else, blanks around it too."""
    found, end = _DECODER.raw_decode(row)
    if end != len(row) or not isinstance(found, dict):
        raise ValueError("it is no row")
    return found


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
    sent = {"chat_template_kwargs": dict(request.chat_template_kwargs), "body": dict(request.body)}
    late: dict[str, Any] = {
        name: value for name, value in {**sent, "tools": list(request.tools)}.items() if value
    }
    if isinstance(request, ScoreRequest):
        if request.thinking is not None:
            late |= {"thinking": request.thinking.identity, "seed": request.seed}
        return {"continuations": request.continuations, "assistant_prefix": request.assistant_prefix, **late}
    if request.assistant_prefix:
        late |= {"assistant_prefix": request.assistant_prefix, "begins_thought": request.begins_thought}
    if request.schema is not None:
        late["schema"] = dict(request.schema)
    return {"sampling": request.sampling.identity, "seed": request.seed, "draw": request.draw, **late}


def _sampling(fields: dict[str, Any]) -> Sampling:
    return Sampling(**{**fields, "stop": tuple(fields["stop"])})


def _beside(turn: Message) -> list[dict[str, Any]]:
    """What a turn holds beside its text, where it holds something."""
    further = {
        "thought": turn.thought,
        "tool_calls": _call_rows(turn.tool_calls),
        "name": turn.name,
        "tool_call_id": turn.tool_call_id,
    }
    set_ones = {name: value for name, value in further.items() if value}
    return [set_ones] if set_ones else []


def _set_beside(*beside: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = dict(*beside)
    return fields | {"tool_calls": _calls(fields.get("tool_calls", ()))}


def _call_rows(calls: Sequence[ToolCall]) -> list[list[Any]]:
    return [[each.name, each.arguments, each.id] for each in calls]


def _calls(rows: Sequence[Sequence[Any]]) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(name=_text(name), arguments=_text(text), id=own) for name, text, own in rows)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is none")
    return value


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
