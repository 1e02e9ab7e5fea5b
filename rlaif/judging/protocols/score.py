"""`score`: the expected rating from 1 to 5 of each completion and principle (2309.00267, direct RLAIF)."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocol import Judge, One
from rlaif.judging.protocols.kinds import Asking, Pointwise, model
from rlaif.judging.scales import RATING
from rlaif.records import Judgment, Principle


def ask(judge: Judge, items: Sequence[One], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """Read from the log-probabilities of the five numbers."""
    return model(judge, "score").rate(items, principles)


PROTOCOL = Pointwise(
    name="score",
    says="expected rating from 1 to 5 of each principle on one completion",
    ask=ask,
    judges=(ModelJudge,),
    templates=("score",),
    labels=("score",),
    scale=RATING,
)
