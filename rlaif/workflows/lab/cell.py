"""A cell of the lab: one way of optimising against one reward, with one seed."""

from __future__ import annotations

from dataclasses import dataclass

PLAIN, NOISE, CRITERIA, DROPOUT = "", "judge noise", "rubric", "rubric dropout"
"""Variants: the reward model as it is; its labels noisy; criteria of a judge as the reward, all or some a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabCell:
    """One measurement: a way of optimising, against one reward, with one seed."""

    method: str
    size: str
    labels: int
    variant: str
    seed: int

    @property
    def name(self) -> str:
        """The name of its record; a path."""
        size = self.size.strip("/").replace("/", "-").replace(":", "-")
        parts = [self.method, size, str(self.labels), self.variant.replace(" ", "-"), f"seed{self.seed}"]
        return "_".join(each for each in parts if each)

    @property
    def group(self) -> str:
        """The cell without its seed, as tables and pictures call it."""
        if self.variant in (CRITERIA, DROPOUT):
            return f"{self.method}, {self.variant}"
        told = f"{self.method}, size {self.size}, {self.labels} labels"
        return f"{told}, {self.variant}" if self.variant else told

    @property
    def asks_judge(self) -> bool:
        """Whether its reward is a judge's checklist, and no reward model."""
        return self.variant in (CRITERIA, DROPOUT)
