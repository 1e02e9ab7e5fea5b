"""`compare`: A or B by log-probability, each principle in both orders."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.judging.protocol import Judge, Two
from rlaif.judging.protocols.kinds import Asking, Pairwise
from rlaif.records import Judgment, Principle


def ask(judge: Judge, items: Sequence[Two], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """Return the judge's own `compare`: P(first is better) of each pair and principle, in both orders."""
    return judge.compare(items, principles)


PROTOCOL = Pairwise(
    name="compare",
    says="A or B by log-probability, each principle in both orders",
    ask=ask,
    templates=("compare",),
    labels=("compare",),
    in_writing="compare-cot",
)
