"""`checklist`: P(yes) to "does it follow the rule?", of each completion and principle."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.judging.protocol import Judge, One
from rlaif.judging.protocols.kinds import Asking, Pointwise
from rlaif.records import Judgment, Principle


def ask(judge: Judge, items: Sequence[One], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """Return the judge's own `checklist`: P(yes, it follows the principle) of each completion and principle."""
    return judge.checklist(items, principles)


PROTOCOL = Pointwise(
    name="checklist",
    says="P(yes) of each principle on one completion",
    ask=ask,
    templates=("checklist",),
    labels=("checklist",),
    in_writing="checklist-cot",
)
