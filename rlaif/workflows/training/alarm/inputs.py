"""An alarm as it was read: checked, and nothing is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rlaif.records import Constitution, Pair, Prompt
from rlaif.workflows.models.role_options import NOTHING, RoleOptions
from rlaif.workflows.training.alarm.option import AlarmSpec


def plainly(_: str) -> RoleOptions:
    """Ask a model as nobody said otherwise."""
    return NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmInputs:
    """An alarm as it was read: checked, and nothing is open."""

    spec: AlarmSpec
    prompts: Sequence[Prompt]
    anchor: Sequence[Pair]
    where: str
    constitution: Constitution | None
    max_tokens: int
    stands: Mapping[str, str] = field(default_factory=dict)
    """Models by the names that a recipe has for them."""
    asked: Callable[[str], RoleOptions] = plainly

    def checks(self, steps: int) -> int:
        """Looks of a training of so many steps, the one before it included."""
        return 1 + -(-steps // self.spec.every)

    def told(self, steps: int) -> str:
        """What it would ask, in words, for `--dry-run`."""
        asks = [f"judged by {self.spec.judge}"] if self.spec.judge is not None else []
        asks += [f"{len(self.spec.ensemble)} reward models"] if self.spec.ensemble else []
        asks += [f"{len(self.anchor)} anchor pairs"] if self.anchor else []
        return (
            f"{self.spec.do}: {self.checks(steps)} looks of {len(self.prompts)} answers; {', '.join(asks)}; KL at most "
            f"{self.spec.kl:g}"
        )
