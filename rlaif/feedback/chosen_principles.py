"""Which principles a critique, a revision or a comparison is made by: all that apply, some drawn, or named ones. Pure.

Constitutional AI (2212.08073) draws one principle anew for every critique-revision step and for every comparison.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rlaif.constitution import applies
from rlaif.errors import InputError
from rlaif.hashing import derived_seed
from rlaif.records import Constitution, Principle, Prompt

DRAWN, WORST, ALL = "drawn", "worst", "all"
Choice = str | tuple[str, ...]
"""`drawn`, `worst`, `all`, or the ids of those among which one is drawn."""


def applying(constitution: Constitution, prompt: Prompt, choice: Choice = ALL) -> list[Principle]:
    """The principles that apply to the prompt, of those that the choice names."""
    named = None if isinstance(choice, str) else set(choice)
    return [
        each
        for each in constitution.principles
        if applies(each, prompt) and (named is None or each.id in named)
    ]


def drawn(principles: Sequence[Principle], *parts: Any, count: int = 1) -> tuple[Principle, ...]:
    """`count` different ones in the constitution's order, the chance of `parts`; all where there are no more."""
    if len(principles) <= count:
        return tuple(principles)
    chance = random.Random(derived_seed("principle", *parts))
    places = sorted(chance.sample(range(len(principles)), count))
    return tuple(principles[place] for place in places)


def worst(principles: Sequence[Principle], shares: Mapping[str, float], stage: int) -> tuple[Principle, ...]:
    """The one that was followed least, by shares from 0 to 1 of those that were read; at stage 2 the next, and so on.

    Nothing where no share is known. After the last one it begins anew.
    """
    known = sorted(
        (each for each in principles if each.id in shares), key=lambda each: (shares[each.id], each.id)
    )
    return (known[(stage - 1) % len(known)],) if known else ()


def refuse_choice(constitution: Constitution, choice: Choice, prompts: Iterable[Prompt]) -> None:
    """Raise InputError for ids that the constitution has not, and where nothing that is meant applies to any prompt."""
    known = {each.id: each for each in constitution.principles}
    if not isinstance(choice, str):
        for name in choice:
            if name not in known:
                raise InputError(
                    f"principles: {constitution.name} has no principle {name!r}; it has: {', '.join(known)}"
                )
    asked = list(prompts)
    if asked and not any(applying(constitution, each, choice) for each in asked):
        whose = (
            f"no principle of {constitution.name}"
            if isinstance(choice, str)
            else f"none of {', '.join(choice)}"
        )
        raise InputError(
            f"principles: {whose} applies to any of the {len(asked)} prompts; look at `applies_to` of the principles "
            "and at the tags of the prompts"
        )
