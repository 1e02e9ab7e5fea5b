"""What is said of a role in words, for the plan of `--dry-run`: only what is not as usual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif.judging.lengths import THOUGHT


def role_words(said: Mapping[str, Any]) -> str:
    """Options of a role as `RoleOptions.set_ones` has them; of a judge that thinks, with the room for its thought."""
    parts = []
    if said.get("think"):
        room = said.get("max_thought_tokens", THOUGHT)
        parts.append(f"thinks before each label, at most {room} tokens")
    hidden = ("think", "max_thought_tokens") if said.get("think") else ()
    parts += [f"{name} {_words(value)}" for name, value in said.items() if name not in hidden]
    return ", ".join(parts)


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_words(each)}" for name, each in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
