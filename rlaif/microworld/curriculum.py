"""Curriculum: a stage begins when the measured accuracy of the one before is high enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rlaif.microworld.draws import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Shares of tokens by skill, the level at which rules are phrased, and what ends the stage."""

    name: str
    mix: Mapping[str, float]
    reading: Reading
    readings: Mapping[str, Reading] = field(default_factory=dict)
    """Skills whose rules are phrased at another level."""
    goal: Mapping[str, float] = field(default_factory=dict)
    """Running accuracy by label skill that must be reached. One comparison in fifteen is a tie with a random label,
    so 0.97 is perfect there."""
    min_steps: int = 50
    max_steps: int = 1_000_000


_ALL = {
    "respond": 0.16, "respond-constitution": 0.05, "respond-good-bad": 0.01, "checklist": 0.18, "score": 0.01,
    "compare": 0.2, "compare-cot": 0.03, "rank": 0.03, "critique": 0.06, "revise": 0.17, "argue": 0.01, "meta": 0.04,
    "step": 0.04, "similar-prompt": 0.01,
}  # fmt: skip
# the learning rate falls to zero, and the language's last faults go only now
_LAST = _ALL | {
    "respond": 0.24,
    "checklist": 0.16,
    "compare": 0.18,
    "revise": 0.15,
    "step": 0.03,
    "meta": 0.02,
}

# yes/no before pairs, one fixed sentence before many, plain before negated before joined: mixed from the start,
# none of it is learned in the time that all of it takes in this order
STAGES = (
    Stage(name="language", mix={"respond": 1.0}, reading="plain", min_steps=250, max_steps=250),
    Stage(name="yes-no", mix={"respond": 0.1, "checklist": 0.9}, reading="plain", goal={"checklist": 0.95}),
    Stage(name="phrased", mix={"respond": 0.1, "checklist": 0.85, "step": 0.05}, reading="phrased", goal={"checklist": 0.955}),
    Stage(
        name="pairs",
        mix={"respond": 0.08, "checklist": 0.35, "compare": 0.52, "step": 0.05},
        reading="phrased",
        goal={"checklist": 0.93, "compare": 0.88},
    ),
    Stage(
        name="negated",
        mix={"respond": 0.1, "checklist": 0.55, "compare": 0.3, "step": 0.05},
        reading="few-negated",
        readings={"compare": "phrased"},
        goal={"checklist": 0.92, "compare": 0.85},
    ),
    Stage(
        name="negated-pairs",
        mix={"respond": 0.1, "checklist": 0.4, "compare": 0.45, "step": 0.05},
        reading="negated",
        readings={"compare": "few-negated"},
        goal={"checklist": 0.92, "compare": 0.87},
    ),
    Stage(name="all", mix=_ALL, reading="composed", max_steps=7_000),
    Stage(name="anneal", mix=_LAST, reading="composed"),
)  # fmt: skip
ANNEAL_STEPS = 700
"""Length of the last stage."""
