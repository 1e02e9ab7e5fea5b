"""What the user adds to the body of a request. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KWARGS = "chat_template_kwargs"
OPTIONS: Mapping[str, str] = {
    "max_tokens": "--max-tokens",
    "max_completion_tokens": "--max-tokens",
    "temperature": "--temperature",
    "top_p": "--top-p",
    "top_k": "--top-k",
    "min_p": "--min-p",
    "seed": "--seed",
    "model": "the model name",
    "n": "?n= in the model name",
}
"""Our own fields that an option sets."""
OWN = frozenset(
    {*OPTIONS, "messages", "stop", "stream", "tools", "logprobs", "top_logprobs", "prompt_logprobs"}
    | {"continue_final_message", "add_generation_prompt"}
)
"""Fields that say what a call is; nothing else may set them."""


def own_field(body: Mapping[str, Any]) -> str | None:
    """What is wrong with a body that sets a field of our own; None: nothing."""
    name = next((each for each in body if each in OWN), None)
    if name is None:
        return None
    how = f"{OPTIONS[name]} sets it" if name in OPTIONS else "rlaif sets it itself"
    return f"the request body must not hold {name!r}: {how}; leave it out"


def merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of both; where both are objects, their fields; else the user's own counts."""
    found = dict(ours)
    for name, value in theirs.items():
        mine = found.get(name)
        both = isinstance(mine, Mapping) and isinstance(value, Mapping)
        found[name] = merged(mine, value) if both else value  # type: ignore[arg-type]
    return found
