"""Where prompts and completions went: every one that gave no pair has a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rlaif.records import State

FAILED = frozenset({State.UNREADABLE, State.JUDGE_REFUSED, State.TRUNCATED, State.TRANSPORT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """Counts of one making of pairs. `candidates` = `kept` + the sum of `no_pair`."""

    prompts: int
    completions: int
    failed_draws: int = 0
    """Completions that could not be drawn."""
    duplicates: int
    """Completions that look to the judge like one that its prompt already had."""
    truncated: int
    """Completions that were cut off before their end, or never came to an answer, and so are no one's choice."""
    judged: int
    """Completions that have a score."""
    candidates: int
    """Twos of completions that could have become a pair; a prompt without two counts as one."""
    no_pair: Mapping[str, int] = field(default_factory=dict)
    kept: int = 0
    states: Mapping[str, int] = field(default_factory=dict)
    """How all judgments were read."""
    unread: Mapping[str, int] = field(default_factory=dict)
    """For each principle, decided candidates in which it could not be read in both orders."""
    order_inconsistent: Mapping[str, int] = field(default_factory=dict)
    """For each principle, compared candidates in which its two orders named different sides."""
    compared: Mapping[str, int] = field(default_factory=dict)
    """For each principle, candidates in which both of its orders could be read."""
    told_apart: Mapping[str, int] = field(default_factory=dict)
    """For each principle, those of `compared` whose two sides have different pointwise scores."""
    told_apart_inconsistent: Mapping[str, int] = field(default_factory=dict)
    """For each principle, those of `told_apart` in which its two orders named different sides."""

    @property
    def unreadable_share(self) -> float:
        """Share of all judgments that are failures."""
        total = sum(self.states.values())
        return sum(n for state, n in self.states.items() if State(state) in FAILED) / total if total else 0.0

    def as_dict(self) -> dict[str, Any]:
        """For run.json and `--json`."""
        return {**asdict(self), "unreadable_share": self.unreadable_share}
