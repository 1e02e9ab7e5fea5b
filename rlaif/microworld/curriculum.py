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
    readings: Mapping[str, Reading] = field(default_factory=dict)
    """Skills whose rules are phrased at another level."""
    goal: Mapping[str, float] = field(default_factory=dict)
    """Running accuracy by label skill that must be reached. One comparison in fifteen is a tie with a coin for
    a label, so 0.97 is perfect there."""
    min_steps: int = 50
    max_steps: int = 1_000_000


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
    Stage(
        name="all",
        mix={
            "respond": 0.13, "respond-constitution": 0.04, "respond-good-bad": 0.02, "checklist": 0.25, "score": 0.02,
            "compare": 0.22, "compare-cot": 0.04, "rank": 0.03, "critique": 0.05, "revise": 0.08, "argue": 0.01,
            "meta": 0.02, "step": 0.08, "similar-prompt": 0.01,
        },
        reading="composed",
        max_steps=9000,
    ),
    # the learning rate falls to zero; more of the language, whose last faults go only now
    Stage(
        name="anneal",
        mix={
            "respond": 0.23, "respond-constitution": 0.05, "respond-good-bad": 0.03, "checklist": 0.18, "score": 0.02,
            "compare": 0.17, "compare-cot": 0.04, "rank": 0.03, "critique": 0.05, "revise": 0.1, "argue": 0.01,
            "meta": 0.02, "step": 0.06, "similar-prompt": 0.01,
        },
        reading="composed",
    ),
)  # fmt: skip
ANNEAL_STEPS = 380
"""Length of the last stage."""
