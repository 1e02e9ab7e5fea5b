"""The cells of the lab: which are drawn, and in which order."""

from __future__ import annotations

from collections.abc import Iterator

from rlaif.errors import InputError
from rlaif.workflows.lab.cell import CRITERIA, DROPOUT, NOISE, PLAIN, LabCell
from rlaif.workflows.lab.config import LabConfig
from rlaif.workflows.lab.method import LabMethod
from rlaif.workflows.lab.methods import METHODS


def middle(config: LabConfig) -> tuple[str, int]:
    """Size and label count of the middle cell."""
    return config.sizes[len(config.sizes) // 2], config.labels[len(config.labels) // 2]


def cells(config: LabConfig) -> Iterator[LabCell]:
    """All cells, seed by seed: whoever stops half-way has whole grids."""
    size, labels = middle(config)
    chosen = _chosen(config)
    for seed in range(config.seed, config.seed + config.seeds):
        for method in (each for each in chosen if each.whole_grid):
            for one in config.sizes:
                for count in config.labels:
                    yield LabCell(method=method.name, size=one, labels=count, variant=PLAIN, seed=seed)
        for method in (each for each in chosen if not each.whole_grid):
            yield LabCell(method=method.name, size=size, labels=labels, variant=PLAIN, seed=seed)
        for method in (each for each in chosen if each.whole_grid):
            yield LabCell(method=method.name, size=size, labels=labels, variant=NOISE, seed=seed)
        if config.rubric_judge not in (None, "none"):
            for method in (each for each in chosen if each.online and each.whole_grid):
                for variant in (CRITERIA, DROPOUT):
                    yield LabCell(method=method.name, size=size, labels=labels, variant=variant, seed=seed)


def _chosen(config: LabConfig) -> list[LabMethod]:
    """The methods that are measured. Raises InputError for a name that there is not."""
    for name in config.methods:
        if name not in METHODS:
            raise InputError(f"methods: {name!r} is no way of optimising; known: {', '.join(METHODS)}")
    return [each for name, each in METHODS.items() if not config.methods or name in config.methods]
