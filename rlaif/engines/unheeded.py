"""What a request says that an engine has no use for: such a call fails by name, as nothing that is said is ignored."""

from __future__ import annotations

from collections.abc import Mapping

from rlaif.records import GenerateRequest, ScoreRequest

Request = GenerateRequest | ScoreRequest


def unheeded(request: Request, name: str, remedies: Mapping[str, str]) -> str | None:
    """Why the engine `name` does not answer a request; None where it says nothing that would be ignored.

    `remedies` are what the engine has no use for, each with what to do about it.
    """
    for field, remedy in remedies.items():
        if _says(request, field):
            return f"{name}: has no use for {field}, which this request sets; {remedy}"
    return None


def _says(request: Request, field: str) -> bool:
    if field == "max_thought_tokens":
        return isinstance(request, GenerateRequest) and request.sampling.max_thought_tokens is not None
    # a text asks for no thought of its own, and a score for no budget
    value = getattr(request, field, None)
    return value is not None and value not in ({}, ())
