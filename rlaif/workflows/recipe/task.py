"""A task: one step in one round, with the artefacts that it takes and makes and the models that it asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rlaif.runs.layout import MODELS, round_name
from rlaif.workflows.recipe.artefacts import KINDS, Artefact, nearest
from rlaif.workflows.recipe.recipe import RecipeStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a step does in a round, known before anything runs."""

    entry: RecipeStep
    round: int
    takes: tuple[Artefact, ...]
    """In the order of what the step needs."""
    makes: Artefact | None
    models: Mapping[str, str]
    """Model names by the step's own keys (`judge`), at this point of the run."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """By the same keys, what the recipe calls that model: a role, a stand of the policy, a model that a step made."""
    initial: Mapping[str, str] = field(default_factory=dict)
    """The same when the run began."""
    stands: Mapping[str, str] = field(default_factory=dict)
    """Every model that a recipe can name at this point: `initial`, `previous`, roles, models that steps made."""
    moves: str | None = None
    """The role whose newest model this task makes."""

    @property
    def name(self) -> str:
        """What the run calls it: `round-1/sample`."""
        return f"{round_name(self.round)}/{self.entry.key}"


def file_of(entry: RecipeStep, number: int, stem: str, suffix: str) -> str:
    """A file of a step in round `number`, inside the run.

    The first step of its name has plain names (`round-1/funnel.json`), which other commands look for; others put their
    own before them (`round-1/hard.funnel.json`).
    """
    own = stem if entry.is_default else f"{entry.key}.{stem}" if stem else entry.key
    return f"{round_name(number)}/{own}{suffix}"


def made_by(entry: RecipeStep, number: int, kind: str, stem: str, parents: tuple[Artefact, ...]) -> Artefact:
    """The artefact that a step makes in round `number`."""
    if KINDS[kind].suffix:
        path = file_of(entry, number, (stem or entry.key) if entry.is_default else "", KINDS[kind].suffix)
    else:
        path = f"{MODELS}/{round_name(number)}" + ("" if entry.is_default else f"-{entry.key}")
    return Artefact(
        name=entry.named.get("as", ""), kind=kind, round=number, path=path, step=entry.key, parents=parents
    )


def made_rows(tasks: Iterable[Task]) -> list[dict[str, Any]]:
    """Return the rows of `artefacts.json`: what all tasks make, each with the files that it is made of, by kind.

    Of a model that a role has from there on, the row says which.
    """
    return [
        {
            "path": made.path,
            "kind": made.kind,
            "round": made.round,
            "step": made.step,
            "of": {
                kind: own.path
                for kind in KINDS
                if (own := nearest(made.parents, (kind,))) is not None and own.path
            },
            **({"moves": task.moves} if task.moves is not None else {}),
        }
        for task in tasks
        if (made := task.makes) is not None
    ]
