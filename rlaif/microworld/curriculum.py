"""What is learned when: each stage begins once the one before is measured as learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rlaif.microworld.corpus import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Shares of tokens by skill, the level at which rules are phrased, and what ends the stage."""

    name: str
    mix: Mapping[str, float]
    reading: Reading
    goal: Mapping[str, float] = field(default_factory=dict)
    """Running accuracy by label skill that must be reached."""
    min_steps: int = 50
    max_steps: int = 1_000_000


# yes/no before pairs, one fixed sentence before many, plain before negated before joined: mixed from the start,
# none of it is learned in the time that all of it takes in this order
STAGES = (
    Stage(name="language", mix={"respond": 1.0}, reading="plain", min_steps=250, max_steps=250),
    Stage(name="yes-no", mix={"respond": 0.1, "checklist": 0.9}, reading="plain", goal={"checklist": 0.95}),
    Stage(name="phrased", mix={"respond": 0.1, "checklist": 0.9}, reading="phrased", goal={"checklist": 0.955}),
    Stage(
        name="pairs",
        mix={"respond": 0.08, "checklist": 0.3, "compare": 0.62},
        reading="phrased",
        goal={"checklist": 0.96, "compare": 0.9},
    ),
    Stage(
        name="negated",
        mix={"respond": 0.08, "checklist": 0.4, "compare": 0.52},
        reading="negated",
        goal={"checklist": 0.955, "compare": 0.9},
    ),
    Stage(
        name="all",
        mix={
            "respond": 0.12, "respond-constitution": 0.06, "respond-good-bad": 0.03, "checklist": 0.18, "score": 0.04,
            "compare": 0.2, "compare-cot": 0.06, "rank": 0.06, "critique": 0.07, "revise": 0.11, "argue": 0.02,
            "meta": 0.03, "step": 0.01, "similar-prompt": 0.01,
        },
        reading="composed",
        max_steps=9000,
    ),
)  # fmt: skip
ANNEAL_STEPS = 400
"""Steps of the last stage's mix over which the learning rate falls to zero."""
