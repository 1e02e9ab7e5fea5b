"""The columns of the table: whose labels recipes learn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GOOD = "good"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeColumn:
    """One judge under which recipes are played."""

    name: str
    judge: str
    says: str
    most_seeds: int


_ALL = (
    JudgeColumn(name=GOOD, judge="micro", says="the bundled judge, right in 98 of 100 pairs", most_seeds=5),
    JudgeColumn(
        name="weak", judge="micro:weak", says="an early checkpoint of it, right in 75 of 100", most_seeds=3
    ),
    JudgeColumn(
        name="noisy",
        judge="noisy:0.2:micro",
        says="the bundled judge, a fifth of its labels turned",
        most_seeds=3,
    ),
    JudgeColumn(
        name="biased",
        judge="biased:0.5:micro",
        says="the bundled judge, half of its labels by length",
        most_seeds=3,
    ),
    JudgeColumn(
        name="failing",
        judge="failing:0.1:micro",
        says="the bundled judge, a tenth of its answers missing",
        most_seeds=3,
    ),
)
COLUMNS: Mapping[str, JudgeColumn] = {each.name: each for each in _ALL}
"""By name, in the order in which they are played."""
