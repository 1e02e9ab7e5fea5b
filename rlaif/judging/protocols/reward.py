"""`reward`: the one number of a scalar reward model, in its own units."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.errors import InputError
from rlaif.judging.protocol import Judge, One
from rlaif.judging.protocols.kinds import Asking, Pointwise, refusal
from rlaif.judging.rbr import RuleJudge
from rlaif.judging.reward_judge import RewardJudge
from rlaif.records import Judgment, Principle

JUDGES = (RewardJudge, RuleJudge)


def ask(judge: Judge, items: Sequence[One], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """Principles are not asked about: a reward is of the whole."""
    if not isinstance(judge, RewardJudge | RuleJudge):
        raise InputError(f"{judge.name}: {refusal('reward', JUDGES)}")
    return judge.checklist(items, principles)


PROTOCOL = Pointwise(
    name="reward",
    says="the number of a reward model (--judge reward:DIR or rbr:FILE)",
    ask=ask,
    judges=JUDGES,
    absolute=False,
)
