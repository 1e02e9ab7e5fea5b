"""All ways of asking a judge: pointwise protocols judge one completion, pairwise ones compare two.

A protocol is one file here whose `PROTOCOL` says everything that is particular to it; no list names it. One of another
package comes through the entry-point group `rlaif.protocols`, one made in Python through `PROTOCOLS.add`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rlaif.errors import InputError
from rlaif.hashing import digest, source_fingerprint
from rlaif.judging.model_judge import AGAIN
from rlaif.judging.protocol import Judge, reads_principles
from rlaif.judging.protocols.kinds import (
    Asking,
    Pairwise,
    Pointwise,
    check_templates,
    refusal,
    unguided_engine,
)
from rlaif.judging.scales import SHARE, Scale
from rlaif.registry import Registry
from rlaif.templates import load_template

__all__ = [
    "AGAIN",
    "PER_COMPLETION",
    "PER_PAIR",
    "PER_PRINCIPLE",
    "PROTOCOLS",
    "Asking",
    "Pairwise",
    "Pointwise",
    "Protocol",
    "asking",
    "pairwise",
    "pointwise",
    "pointwise_of",
    "protocol",
    "protocols",
    "refusal",
    "scale_of",
    "stated",
    "unguided",
]

Protocol = Pointwise | Pairwise
PROTOCOLS: Registry[Protocol] = Registry(
    "protocol",
    "rlaif.protocols",
    (Pointwise, Pairwise),
    package=__name__,
    attribute="PROTOCOL",
    check=check_templates,
)
PER_PRINCIPLE, PER_COMPLETION, PER_PAIR = "checklist", "reward", "compare"
"""What a judge is asked by where nobody names a protocol: of one completion and each principle, of one completion by a
judge that reads no principles, and of two completions."""


def protocols() -> Mapping[str, Protocol]:
    """Every protocol by its name, in alphabetical order."""
    return PROTOCOLS.all()


def protocol(name: str) -> Protocol:
    """The protocol of this name. Raises InputError naming those that there are."""
    return PROTOCOLS.get(name)


def stated(names: Iterable[str]) -> dict[str, str]:
    """Of protocols from outside, by name: the version that is declared, or the digest of their source, with that of
    their own templates; of ours nothing.

    Ours are known by the version of the package. Raises InputError where a source says nothing and no version is
    declared.
    """
    outside = set(PROTOCOLS.from_outside())
    found = {name: PROTOCOLS.get(name) for name in names if name in outside}
    return {name: _stated(each) for name, each in found.items()}


def _stated(chosen: Protocol) -> str:
    own = source_fingerprint(chosen.ask, chosen.version)
    if chosen.templates_from is None:
        return own
    texts = [load_template(name, chosen.templates_from).digest for name in sorted(chosen.templates)]
    return f"{own}@templates:{digest('templates', texts)}"


def pointwise(name: str) -> Pointwise:
    """The protocol of this name, which judges one completion. Raises InputError naming those that do."""
    found = PROTOCOLS.get(name) if name in PROTOCOLS else None
    if not isinstance(found, Pointwise):
        raise InputError(f"{name!r} is no protocol that judges one completion; known: {_names(Pointwise)}")
    return found


def pairwise(name: str) -> Pairwise:
    """The protocol of this name, which compares two completions. Raises InputError naming those that do."""
    found = PROTOCOLS.get(name) if name in PROTOCOLS else None
    if not isinstance(found, Pairwise):
        raise InputError(f"{name!r} is no protocol that compares two; known: {_names(Pairwise)}")
    return found


def _names(kind: type[Protocol]) -> str:
    return ", ".join(name for name, each in protocols().items() if isinstance(each, kind))


def pointwise_of(judge: Judge) -> Pointwise:
    """The protocol that a judge judges one completion by, where nobody names one."""
    return pointwise(PER_PRINCIPLE if reads_principles(judge) else PER_COMPLETION)


def scale_of(name: str) -> Scale:
    """The scale of the numbers of a pointwise protocol, by its name as judgments have it.

    An empty name is of numbers that are shares already: a judgment made of other judgments names no protocol.
    Raises InputError where no protocol of this name is installed: nobody knows then what its numbers mean.
    """
    if not name:
        return SHARE
    if name not in PROTOCOLS:
        raise InputError(
            f"judgments of protocol {name!r}: no protocol of that name is installed, so that nothing says what their "
            "numbers mean; install the package that has it, or judge again"
        )
    found = PROTOCOLS.get(name)
    return found.scale if isinstance(found, Pointwise) else SHARE


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
