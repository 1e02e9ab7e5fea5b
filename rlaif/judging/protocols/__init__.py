"""All ways of asking a judge. A protocol is one file here whose `PROTOCOL` says what it is; no list names it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from rlaif.errors import InputError
from rlaif.judging.model_judge import AGAIN
from rlaif.judging.protocol import Judge
from rlaif.judging.protocols.kinds import Asking, Pairwise, Pointwise, refusal, unguided_engine

__all__ = [
    "AGAIN",
    "Asking",
    "Pairwise",
    "Pointwise",
    "Protocol",
    "asking",
    "pairwise",
    "pointwise",
    "protocol",
    "protocols",
    "refusal",
    "unguided",
]

Protocol = Pointwise | Pairwise


@cache
def protocols() -> Mapping[str, Protocol]:
    """Every protocol by its name, in alphabetical order."""
    modules = (importlib.import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__))
    found = [module.PROTOCOL for module in modules if hasattr(module, "PROTOCOL")]
    return {each.name: each for each in sorted(found, key=lambda each: each.name)}


def protocol(name: str) -> Protocol:
    """The protocol of this name. Raises InputError naming those that there are."""
    found = protocols().get(name)
    if found is None:
        raise InputError(f"{name!r} is no protocol; known: {', '.join(protocols())}")
    return found


def pointwise(name: str) -> Pointwise:
    """The protocol of this name, which judges one completion. Raises InputError naming those that do."""
    found = protocols().get(name)
    if not isinstance(found, Pointwise):
        raise InputError(f"{name!r} is no protocol that judges one completion; known: {_names(Pointwise)}")
    return found


def pairwise(name: str) -> Pairwise:
    """The protocol of this name, which compares two completions. Raises InputError naming those that do."""
    found = protocols().get(name)
    if not isinstance(found, Pairwise):
        raise InputError(f"{name!r} is no protocol that compares two; known: {_names(Pairwise)}")
    return found


def _names(kind: type[Protocol]) -> str:
    return ", ".join(name for name, each in protocols().items() if isinstance(each, kind))


def asking(chosen: Protocol, *, seed: int, samples: int | None, again: int | None) -> Asking:
    """What to ask with. Raises InputError where samples or further tries are wanted of one that reads no text."""
    if samples is not None and not chosen.votes:
        able = ", ".join(each.name for each in protocols().values() if each.votes)
        raise InputError(
            f"samples: protocol {chosen.name!r} takes no vote of several texts; these do: {able}"
        )
    if again is not None and not chosen.writes:
        able = ", ".join(each.name for each in protocols().values() if each.writes)
        raise InputError(f"ask-again: protocol {chosen.name!r} reads no written text; these do: {able}")
    return Asking(
        seed=seed, samples=1 if samples is None else samples, again=AGAIN if again is None else again
    )


def unguided(judge: Judge, name: str) -> str:
    """A sentence where the protocol sends a JSON Schema and the judge's engine cannot use it; else empty."""
    return unguided_engine(judge, protocol(name))
