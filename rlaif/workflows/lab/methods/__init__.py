"""The ways of optimising that the lab measures, one a file: `METHOD`."""

from __future__ import annotations

from collections.abc import Mapping

from rlaif.workflows.lab.method import LabMethod
from rlaif.workflows.lab.methods import best_of_n, distill, dpo, grpo, ppo

METHODS: Mapping[str, LabMethod] = {
    each.METHOD.name: each.METHOD for each in (best_of_n, grpo, dpo, ppo, distill)
}
"""By name, in the order in which they are run."""
