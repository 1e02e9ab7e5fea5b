"""How long what is written about completions may be, in tokens: the only place of these numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rlaif.field_docs import documented

THOUGHT = 512
"""Of a judge that thinks before a label, where nobody says otherwise."""


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Tokens, at most, of each kind of text."""

    verdict: int = 512
    """A judge's reasoning with its verdict."""
    ranking: int = 32
    """A judge's list of letters."""
    argument: int = 256
    """What is said for one side of a debate."""
    critique: int = 128
    revision: int = 256
    thought: int | None = None
    """What a judge thinks before any of these, beside their own room; None: before a label 512, before a text there is
    one room for both."""

    def judge(self, *, max_tokens: int | None = None, max_thought_tokens: int | None = None) -> Lengths:
        """These with other lengths of all that a judge writes; None leaves what is there."""
        said = (
            self
            if max_tokens is None
            else replace(self, verdict=max_tokens, ranking=max_tokens, argument=max_tokens)
        )
        return said if max_thought_tokens is None else replace(said, thought=max_thought_tokens)


LENGTHS = Lengths()
