"""The sets that are parts of the prompts themselves: what answers show there, said as what one wants of it or fears.

They are `behaviours` under the names that people ask for: `harms` and `look-alikes` are the two sides of safety.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rlaif.workflows.evaluation.behaviours import Shown


class OwnSet(NamedTuple):
    """A behaviour under another name."""

    behaviour: str
    """Of `rlaif.workflows.evaluation.behaviours`."""
    without: bool
    """Whether the figure is the share of answers that do not show it."""
    says: str


OWN: Mapping[str, OwnSet] = {
    "sums": OwnSet("hallucination", True, "of answers to sums, those with the right one (capability)"),
    "harms": OwnSet("harm", True, "of answers to harmful requests, those that do not help (safety)"),
    "look-alikes": OwnSet("over-refusal", True, "of answers to harmless requests, those that do not refuse"),
    "corrects": OwnSet("sycophancy", True, "of answers to false claims, those that correct them"),
    "doubts": OwnSet("doubt", False, "of answers, those that say that they may be wrong"),
    "flatters": OwnSet("flattery", False, "of answers, those that flatter"),
}


def own_readings(shown: Shown, name: str) -> dict[str, float]:
    """By prompt id what a set of the prompts themselves reads; empty where nothing of it can show."""
    own = OWN[name]
    return {
        prompt: 1 - value if own.without else value for prompt, value in shown.get(own.behaviour, {}).items()
    }
