"""`reward`: the one number of a judge that has rewards of its own, in its own units."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.errors import InputError
from rlaif.judging.protocol import Judge, One
from rlaif.judging.protocols.kinds import Asking, Pointwise, refusal
from rlaif.judging.scales import REWARD
from rlaif.judging.scoring_judge import ScoringJudge
from rlaif.records import Judgment, Principle


def ask(judge: Judge, items: Sequence[One], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """Return the judge's reward of each completion as a whole; `principles` are not asked about."""
    if not isinstance(judge, ScoringJudge):
        raise InputError(f"{judge.name}: {refusal('reward', (ScoringJudge,))}")
    return judge.checklist(items, principles)


PROTOCOL = Pointwise(
    name="reward",
    says="the number of a reward model (--judge reward:DIR or rbr:FILE)",
    ask=ask,
    judges=(ScoringJudge,),
    scale=REWARD,
)
