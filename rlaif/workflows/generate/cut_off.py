"""Draws that ran into their length limit: what that may mean, said early and at the end.

A base model never ends its turn: every draw is cut off, and nothing else says why no pair is made.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rlaif.records import (
    Completion,
    Engine,
    GenerateRequest,
    Generation,
    Sampling,
    Score,
    ScoreRequest,
)

EARLY = 16
"""Draws after which a model that has ended none of them is told of."""
MOSTLY = 0.5
"""Share of cut-off draws above which the result says so."""
CUT = "length"
_log = logging.getLogger(__name__)


def cut_off(name: str, cut: int, drawn: int, max_tokens: int) -> str:
    """What it may mean that so many draws of a model were cut off, and what to do."""
    return (
        f"{name}: {cut} of {drawn} draws ran into the limit of {max_tokens} tokens (truncated). Raise max_tokens "
        "(--max-tokens); a base model never ends its turn: name a chat model as policy, or one whose chat template "
        "ends an answer with the end token that the model writes"
    )


def cut_in_thought(name: str, cut: int, drawn: int, limits: Sampling) -> str:
    """That so many draws of a model ran out of room inside of their thought, and what to do."""
    told = f"{name}: {cut} of {drawn} draws ran out of room inside of their thought (truncated): "
    if limits.max_thought_tokens is None:
        return (
            f"{told}thought and answer share {limits.max_tokens} tokens. Give the thought a room of its own "
            "(--max-thought-tokens), or raise max_tokens (--max-tokens)"
        )
    return f"{told}it may have {limits.max_thought_tokens} tokens. Raise max_thought_tokens (--max-thought-tokens)"


def never_ended(name: str, completions: Sequence[Completion]) -> list[str]:
    """The share of the thoughts of a model that have no end; nothing where all have one."""
    thoughts = [each for each in completions if each.thought or each.open_thought]
    count = sum(each.open_thought for each in thoughts)
    if not count:
        return []
    return [
        f"{name}: {count} of {len(thoughts)} thoughts ({count / len(thoughts):.0%}) have no end mark; behind them "
        "there is no answer, and they count as truncated"
    ]


def mostly_cut_off(name: str, completions: Sequence[Completion], limits: Sampling) -> list[str]:
    """A sentence where most draws of a model were cut off, another where thoughts have no end; else nothing."""
    cut = [each for each in completions if each.finish == CUT]
    said = []
    if len(cut) > MOSTLY * len(completions):
        inside = sum(each.open_thought for each in cut)
        said.append(_told(name, len(cut), inside, len(completions), limits))
    return [*said, *never_ended(name, completions)]


def _told(name: str, cut: int, inside: int, drawn: int, limits: Sampling) -> str:
    if inside > MOSTLY * cut:
        return cut_in_thought(name, inside, drawn, limits)
    return cut_off(name, cut, drawn, limits.max_tokens)


@dataclass(frozen=True, slots=True)
class Watched:
    """An engine whose first draws are looked at: a limit that all of them run into is said while others are drawn."""

    engine: Engine

    @property
    def name(self) -> str:
        """Of the engine behind."""
        return self.engine.name

    @property
    def fingerprint(self) -> str:
        """Of the engine behind."""
        return self.engine.fingerprint

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """As the engine behind does."""
        limits: list[Sampling] = []

        def seen() -> Iterator[GenerateRequest]:
            for each in requests:
                limits.append(each.sampling)
                yield each

        cut = inside = 0
        for number, reply in enumerate(self.engine.generate(seen()), 1):
            cut += reply.finish == CUT and reply.error is None
            inside += reply.finish == CUT and reply.error is None and reply.open_thought
            if number == cut == EARLY:
                most = max(limits, key=lambda each: each.max_tokens)
                _log.warning("%s", _told(self.name, cut, inside, number, most))
            yield reply

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """As the engine behind does."""
        return self.engine.score(requests)
