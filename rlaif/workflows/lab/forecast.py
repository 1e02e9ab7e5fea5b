"""How long the lab will take: by what its cells do, and, once some are done, by how long these took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rlaif.workflows.lab.bench import Work
from rlaif.workflows.lab.cell import NOISE, LabCell
from rlaif.workflows.lab.config import LabConfig
from rlaif.workflows.lab.methods import METHODS
from rlaif.workflows.lab.world import SPARE

DRAWN, SCORED, LEARNED = 0.025, 0.011, 0.06
"""Seconds of one core that `micro` takes for an answer that is drawn, scored, learned; others take other times."""
CRITERIA_COST = 12.0
"""Answers scored that a checklist of one costs."""


def seconds_of(cell: LabCell, config: LabConfig) -> float:
    """What a cell takes by itself."""
    work: Work = METHODS[cell.method].work(config)
    scored = work.scored * (CRITERIA_COST if cell.asks_judge else 1.0)
    return work.drawn * DRAWN + scored * SCORED + work.learned * LEARNED


def shared_seconds(listed: Sequence[LabCell], config: LabConfig) -> float:
    """What the draws and reward models take that cells share."""
    models = {
        (each.size, each.labels, each.variant == NOISE, each.seed) for each in listed if not each.asks_judge
    }
    pairs = sum(labels * config.passes for _, labels, _, _ in models)
    draws = config.measured * config.best_of + 2 * SPARE * max(config.labels)
    return draws * DRAWN + 2 * pairs * LEARNED


@dataclass(slots=True)
class LabPace:
    """What is left, by what was done."""

    config: LabConfig
    left: list[LabCell]
    shared: float
    spent: float = 0.0
    foreseen: float = 0.0
    done: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, listed: Sequence[LabCell], config: LabConfig) -> LabPace:
        """Nothing is done yet."""
        return cls(config=config, left=list(listed), shared=shared_seconds(listed, config))

    def after(self, cell: LabCell, seconds: float) -> None:
        """A cell took so long, shared work that it was the first to need included."""
        share = self.shared / max(1, len(self.left) + len(self.done))
        self.spent += seconds
        self.foreseen += seconds_of(cell, self.config) + share
        self.left.remove(cell)
        self.done.append(cell.name)

    @property
    def seconds_left(self) -> float:
        """Of what is left."""
        share = self.shared / max(1, len(self.left) + len(self.done))
        plain = sum(seconds_of(each, self.config) + share for each in self.left)
        return plain * (self.spent / self.foreseen if self.foreseen else 1.0)

    @property
    def sentence(self) -> str:
        """In plain words."""
        basis = "by the time that the others took" if self.done else "of one core, as `micro` usually takes"
        return f"{len(self.left)} cells, about {clock(self.seconds_left)} {basis}"


def clock(seconds: float) -> str:
    """Hours and minutes."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
