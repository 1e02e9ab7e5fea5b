"""Requests as JSON for a server. Pure: what each server can do is given, not asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif.engines.openai.capabilities import Capabilities
from rlaif.engines.openai.refusals import BUDGET, CONTINUES, EITHER
from rlaif.engines.openai.request_body import KWARGS, merged
from rlaif.engines.openai.thought_budgets import budget_fields
from rlaif.engines.openai.turns import turns
from rlaif.records import GenerateRequest, Sampling, ScoreRequest

VOTE_TOKENS = 4
NEUTRAL = 1.0
"""Temperature and top_p at which a model's own distribution is kept."""


def draw_body(
    request: GenerateRequest, count: int, able: Capabilities, *, budget_as: str = ""
) -> dict[str, Any]:
    """Return the JSON body of a chat request for `count` texts, with only the fields that this server takes.

    `budget_as` is the way in which the user says that the server is told the limit of a thought.
    """
    body = _begun(turns(request.messages, able.can), request.assistant_prefix)
    body |= _drawn(request.sampling, able, budget_as)
    body |= _several(count, request.seed, able)
    if request.schema is not None and able.guides:
        body |= _guided(able.guides[0], dict(request.schema))
    return _with_rest(body, request)


def label_body(request: ScoreRequest, able: Capabilities) -> dict[str, Any]:
    """Ask for the likeliest first tokens of the answer."""
    top = {"logprobs": True, "top_logprobs": able.tops[0]}
    body = {**_continued(request, "", able), able.lengths[0]: 1}
    return _with_rest({**body, **_sampled(able, {"temperature": NEUTRAL}), **top}, request)


def vote_body(request: ScoreRequest, seed: int, count: int, able: Capabilities) -> dict[str, Any]:
    """Ask for the beginnings of `count` answers."""
    body = {**_continued(request, "", able), able.lengths[0]: VOTE_TOKENS}
    body |= _sampled(able, {"temperature": NEUTRAL})
    return _with_rest(body | _several(count, seed, able), request)


def thought_request(request: ScoreRequest, how: Sampling, seed: int) -> GenerateRequest:
    """The chat request that draws what a model writes to a question, thought and all."""
    return GenerateRequest(
        id=request.id,
        messages=request.messages,
        sampling=how,
        seed=seed,
        tools=request.tools,
        chat_template_kwargs=request.chat_template_kwargs,
        body=request.body,
    )


def prompt_logprobs_body(request: ScoreRequest, continuation: str, able: Capabilities) -> dict[str, Any]:
    """Ask for the log-probabilities of the prompt's own tokens, with `continuation` as a part of it."""
    # of the token that is written nothing is read: its temperature is free to be any
    free = {"temperature": 0.0} if able.can("temperature") else {}
    body = {**_continued(request, continuation, able), able.lengths[0]: 1, **free, "prompt_logprobs": 0}
    return _with_rest(body, request)


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


def _drawn(how: Sampling, able: Capabilities, budget_as: str) -> dict[str, Any]:
    """How a text is drawn, and how long it may become."""
    thought = how.max_thought_tokens
    body: dict[str, Any] = {able.lengths[0]: how.max_tokens + (thought or 0)}
    body |= _sampled(able, {"temperature": how.temperature, "top_p": how.top_p})
    # only where they are asked for: no part of OpenAI's own interface
    body |= {name: value for name in ("top_k", "min_p") if (value := getattr(how, name))}
    if how.stop:
        body["stop"] = list(how.stop)
    if thought is not None and (budget_as or able.can(BUDGET)):
        body |= budget_fields(thought, able.url, budget_as)
    return body


def _several(count: int, seed: int, able: Capabilities) -> dict[str, int]:
    if count > 1:
        return {"n": count}
    return {"seed": seed & 0x7FFFFFFF} if able.can("seed") else {}


def _with_rest(body: dict[str, Any], request: GenerateRequest | ScoreRequest) -> dict[str, Any]:
    """The body with tools, and with what the role that asks adds: of one field in both the role's value counts."""
    if request.tools:
        body["tools"] = [dict(each) for each in request.tools]
    kwargs = {KWARGS: request.chat_template_kwargs} if request.chat_template_kwargs else {}
    return merged(merged(body, request.body), kwargs) if request.body or kwargs else body


def _continued(request: ScoreRequest, continuation: str, able: Capabilities) -> dict[str, Any]:
    return _begun(turns(request.messages, able.can), request.assistant_prefix + continuation)


def _begun(said: list[dict[str, Any]], text: str) -> dict[str, Any]:
    """The turns, with the beginning of the assistant's next one, which the model is to continue."""
    if not text:
        return {"messages": said}
    said.append({"role": "assistant", "content": text})
    return {"messages": said, CONTINUES: True, "add_generation_prompt": False}


def _guided(way: str, schema: dict[str, Any]) -> dict[str, Any]:
    if way == "response_format":
        wanted = {"name": "reply", "schema": schema, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": wanted}}
    return {way: {"json": schema} if way == "structured_outputs" else schema}
