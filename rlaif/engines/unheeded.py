"""What a request says that an engine has no use for: such a call fails by name, as nothing that is said is ignored."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from rlaif.records import GenerateRequest, ScoreRequest

_log = logging.getLogger(__name__)

Request = GenerateRequest | ScoreRequest


def unheeded(request: Request, name: str, remedies: Mapping[str, str]) -> str | None:
    """Why the engine `name` does not answer a request; None where it says nothing that would be ignored.

    `remedies` are what the engine has no use for, each with what to do about it.
    """
    for field, remedy in remedies.items():
        if _says(request, field):
            return f"{name}: has no use for {field}, which this request sets; {remedy}"
    return None


def say_unbounded(name: str, window: Sequence[GenerateRequest]) -> None:
    """Warn where a local model whose marks are not known is given room for its thoughts: nothing can be bounded."""
    if any(each.sampling.max_thought_tokens is not None for each in window):
        _log.warning(
            "%s: no marks of its thoughts are known, so that max_thought_tokens bounds nothing; name the marks "
            "(--policy-thought-marks 'START END'), or leave it out",
            name,
        )


def _says(request: Request, field: str) -> bool:
    if field == "max_thought_tokens":
        return isinstance(request, GenerateRequest) and request.sampling.max_thought_tokens is not None
    if field == "assistant_prefix":  # of a score it is a part of the question
        return isinstance(request, GenerateRequest) and bool(request.assistant_prefix)
    # a text asks for no thought of its own, and a score for no budget
    value = getattr(request, field, None)
    return value is not None and value not in ({}, ())
