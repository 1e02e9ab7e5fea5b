"""Draws that ran into their length limit: what that may mean, said early and at the end.

A base model never ends its turn: every draw is cut off, and nothing else says why no pair is made.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rlaif.records import Completion, Engine, GenerateRequest, Generation, Score, ScoreRequest

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


def mostly_cut_off(name: str, completions: Sequence[Completion], max_tokens: int) -> list[str]:
    """A sentence where most draws of a model were cut off; else nothing."""
    cut = sum(each.finish == CUT for each in completions)
    return [cut_off(name, cut, len(completions), max_tokens)] if cut > MOSTLY * len(completions) else []


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
        limits: list[int] = []

        def seen() -> Iterator[GenerateRequest]:
            for each in requests:
                limits.append(each.sampling.max_tokens)
                yield each

        cut = 0
        for number, reply in enumerate(self.engine.generate(seen()), 1):
            cut += reply.finish == CUT and reply.error is None
            if number == cut == EARLY:
                _log.warning("%s", cut_off(self.name, cut, number, max(limits)))
            yield reply

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """As the engine behind does."""
        return self.engine.score(requests)
