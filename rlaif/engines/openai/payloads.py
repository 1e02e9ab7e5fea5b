"""Requests as JSON for a server. Pure: what each server can do is given, not asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.engines.openai.capabilities import Capabilities
from rlaif.engines.openai.refusals import EITHER
from rlaif.records import GenerateRequest, Message, ScoreRequest

VOTE_TOKENS = 4
NEUTRAL = 1.0
"""Temperature and top_p at which a model's own distribution is kept."""


def draw_body(request: GenerateRequest, count: int, able: Capabilities) -> dict[str, Any]:
    """Return the JSON body of a chat request for `count` texts, with only the fields that this server takes."""
    how = request.sampling
    body: dict[str, Any] = {"messages": _turns(request.messages), able.lengths[0]: how.max_tokens}
    body |= _sampled(able, {"temperature": how.temperature, "top_p": how.top_p})
    # only where they are asked for: no part of OpenAI's own interface
    body |= {name: value for name in ("top_k", "min_p") if (value := getattr(how, name))}
    if count > 1:
        body["n"] = count
    elif able.can("seed"):
        body["seed"] = request.seed & 0x7FFFFFFF
    if how.stop:
        body["stop"] = list(how.stop)
    if request.schema is not None and able.guides:
        body |= _guided(able.guides[0], dict(request.schema))
    return body


def label_body(request: ScoreRequest, able: Capabilities) -> dict[str, Any]:
    """Ask for the likeliest first tokens of the answer."""
    top = {"logprobs": True, "top_logprobs": able.tops[0]}
    return {**_continued(request, ""), able.lengths[0]: 1, **_sampled(able, {"temperature": NEUTRAL}), **top}


def vote_body(request: ScoreRequest, seed: int, count: int, able: Capabilities) -> dict[str, Any]:
    """Ask for the beginnings of `count` answers."""
    body = {**_continued(request, ""), able.lengths[0]: VOTE_TOKENS}
    body |= _sampled(able, {"temperature": NEUTRAL})
    if count > 1:
        body["n"] = count
    elif able.can("seed"):
        body["seed"] = seed & 0x7FFFFFFF
    return body


def prompt_logprobs_body(request: ScoreRequest, continuation: str, able: Capabilities) -> dict[str, Any]:
    """Ask for the log-probabilities of the prompt's own tokens, with `continuation` as a part of it."""
    # of the token that is written nothing is read: its temperature is free to be any
    free = {"temperature": 0.0} if able.can("temperature") else {}
    return {**_continued(request, continuation), able.lengths[0]: 1, **free, "prompt_logprobs": 0}


def needs_prompt_logprobs(request: ScoreRequest) -> bool:
    """Whether some continuation is more than a label, so that its first token says too little."""
    return any(len(each.split()) > 1 or len(each) > 24 for each in request.continuations)


def _sampled(able: Capabilities, wanted: Mapping[str, float]) -> dict[str, float]:
    """Sampling parameters as they are sent. Both always, as the defaults of servers differ.

    One that a server refuses is left out where it asks for the model's own distribution, which such a server keeps;
    any other stays, and the call fails for it: drawn otherwise, it would be another policy.
    """
    sent = dict(wanted)
    for name in ("top_p", "temperature"):
        alone = not able.can(EITHER) and len(sent) > 1
        if sent.get(name) == NEUTRAL and (alone or not able.can(name)):
            del sent[name]
    return sent


def _continued(request: ScoreRequest, continuation: str) -> dict[str, Any]:
    turns = _turns(request.messages)
    begun = request.assistant_prefix + continuation
    if not begun:
        return {"messages": turns}
    turns.append({"role": "assistant", "content": begun})
    return {"messages": turns, "continue_final_message": True, "add_generation_prompt": False}


def _turns(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": each.role, "content": each.content} for each in messages]


def _guided(way: str, schema: dict[str, Any]) -> dict[str, Any]:
    if way == "response_format":
        wanted = {"name": "reply", "schema": schema, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": wanted}}
    return {way: {"json": schema} if way == "structured_outputs" else schema}
