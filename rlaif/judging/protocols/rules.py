"""`rules`: programs check each completion, one a principle; nothing is asked of a model."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.judging.protocol import Judge, One
from rlaif.judging.protocols.kinds import Asking, Pointwise, needed
from rlaif.judging.verifier_judge import VerifierJudge
from rlaif.records import Judgment, Principle


def ask(judge: Judge, items: Sequence[One], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """1 where the program is satisfied, 0 where it is not; a principle without a program is abstained from."""
    return needed(judge, VerifierJudge, "rules").checklist(items, principles)


PROTOCOL = Pointwise(
    name="rules",
    says="programs check each completion (--judge rules:FILE)",
    ask=ask,
    judges=(VerifierJudge,),
)
