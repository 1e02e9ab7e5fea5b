"""What makes two calls the same call. A change here re-bills every call of every user: a test pins it."""

from __future__ import annotations

from typing import Any

from rlaif.hashing import digest
from rlaif.records import GenerateRequest, ScoreRequest


def call_key(
    fingerprint: str, request: GenerateRequest | ScoreRequest, *, guides_decoding: bool = True
) -> str:
    """Digest of the model's fingerprint and of all that is read. The request's own id is no part of it.

    An engine that guides no decoding does not read a schema: what it draws is what it draws without.
    """
    turns = [each.identity for each in request.messages]
    further: list[Any] = []
    if request.chat_template_kwargs or request.body or request.tools:
        # only what is set: what was asked before such fields were there keeps its key
        sent = {"chat_template_kwargs": dict(request.chat_template_kwargs), "body": dict(request.body)}
        further.append(
            {name: value for name, value in {**sent, "tools": list(request.tools)}.items() if value}
        )
    if isinstance(request, ScoreRequest):
        if request.thinking is not None:
            seed = request.seed if request.thinking.temperature > 0 else 0
            further.append([request.thinking.identity, seed])
        return digest("score", fingerprint, turns, request.assistant_prefix, request.continuations, *further)
    how = request.sampling
    # at temperature 0 nothing is drawn, so the seed changes nothing
    seed = request.seed if how.temperature > 0 else 0
    drawn = [how.temperature, how.top_p, how.max_tokens, how.stop, seed, request.draw]
    if how.top_k or how.min_p:
        # only where they are set: what was asked before they were there keeps its key
        drawn += [how.top_k, how.min_p]
    if how.max_thought_tokens is not None:
        further.append(["max_thought_tokens", how.max_thought_tokens])
    if request.assistant_prefix:
        further.append(["assistant_prefix", request.assistant_prefix, request.begins_thought])
    if request.schema is not None and guides_decoding:
        return digest("generate", fingerprint, turns, drawn, dict(request.schema), *further)
    return digest("generate", fingerprint, turns, drawn, *further)
