"""A cell of the table: a recipe under a judge with a seed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCell:
    """What is played once."""

    recipe: str
    """As `settings.yaml` calls it: a recipe or a baseline."""
    column: str
    seed: int

    @property
    def name(self) -> str:
        """The name of its record; a path."""
        return f"{self.column}_{self.recipe}_seed{self.seed}"
