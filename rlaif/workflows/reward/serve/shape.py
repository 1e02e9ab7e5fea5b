"""A wire shape: what a trainer sends for its rollouts, and what it gets back; how its rows become ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlaif.errors import InputError
from rlaif.exchange.answers import answer_turns
from rlaif.exchange.turns import prompt_turns
from rlaif.records import Completion, Prompt, completion_of

Rewards = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class AskedRows:
    """What one request asks about: one prompt a completion, in the order of its rows."""

    prompts: tuple[Prompt, ...]
    completions: tuple[Completion, ...]

    def __len__(self) -> int:
        return len(self.completions)


@dataclass(frozen=True, slots=True, kw_only=True)
class WireShape:
    """How one trainer's requests and answers look. `read` raises InputError naming the row that is wrong."""

    name: str
    """Its address is `/NAME`."""
    says: str
    """What is sent and what comes back, in one line."""
    read: Callable[[Mapping[str, Any]], AskedRows]
    write: Callable[[Mapping[str, Any], Rewards], Mapping[str, Any]]
    """The answer to a request, of its rewards: None stays None."""


def asked_rows(asked: Sequence[Any], said: Sequence[Any], names: tuple[str, str]) -> AskedRows:
    """Texts or turns as prompts and completions; `names` are the fields of the request that hold them.

    Raises InputError where there are not as many of one as of the other, or a row is no conversation.
    """
    asking, saying = names
    if len(asked) != len(said):
        raise InputError(f"{len(asked)} {asking} and {len(said)} {saying}: one {asking} a row of {saying}")
    prompts = tuple(
        Prompt(messages=prompt_turns(each, f"{asking}[{row}]", "prompt")) for row, each in enumerate(asked)
    )
    completions = tuple(
        completion_of(
            prompt.id, answer_turns({"completion": each}, f"{saying}[{row}]", "completion"), policy="given"
        )
        for row, (prompt, each) in enumerate(zip(prompts, said, strict=True))
    )
    return AskedRows(prompts, completions)


def listed(body: Mapping[str, Any], name: str, kind: type | None = None) -> list[Any]:
    """A field that holds a list, of `kind` where that is given. Raises InputError."""
    value = body.get(name)
    if not isinstance(value, list):
        raise InputError(f"`{name}` must be a list, one entry a row")
    for row, each in enumerate(value):
        if kind is not None and not isinstance(each, kind):
            raise InputError(f"{name}[{row}] is a {type(each).__name__}; it must be a {kind.__name__}")
    return value


def no_others(body: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise InputError for a field that this shape does not have: it would be ignored."""
    if strange := [name for name in body if name not in known]:
        raise InputError(f"`{strange[0]:.60}` is no field of this request; known: {', '.join(known)}")
