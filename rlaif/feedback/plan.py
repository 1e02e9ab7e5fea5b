"""What the making of pairs can be told, and what goes through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rlaif.feedback.pairing import Pairing
from rlaif.feedback.score import Scored
from rlaif.judging.decide import Inconsistent
from rlaif.judging.protocols import Asking
from rlaif.records import Prompt

ALONE = "none"
"""Decides by what was said of each completion alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPlan:
    """How pairs are made."""

    pairing: Pairing = "best-worst"
    then: str = "compare"
    """The protocol that decides between two candidates; `none` decides by what was said of each alone."""
    asking: Asking | None = None
    """How that protocol asks; None: in its own way, with the plan's seed."""
    inconsistent: Inconsistent = "drop"
    seed: int = 0
    round: int = 0
    keep_truncated: bool = False
    """Also pair completions that were cut off before their end."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Goes into every pair beside what is known here."""


class Candidate(NamedTuple):
    """Two completions of one prompt, the better scored first."""

    prompt: Prompt
    better: Scored
    worse: Scored

    @property
    def ids(self) -> frozenset[str]:
        """Which two, whatever their order."""
        return frozenset((self.better.completion.id, self.worse.completion.id))
