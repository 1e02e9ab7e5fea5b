"""How a judge is asked, how its answer is read, and how many readings become one label."""

from rlaif.judging.controls import GoldJudge, RandomJudge
from rlaif.judging.decide import Decision, decide, from_checklist
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocol import Judge
from rlaif.judging.rules import share_of

__all__ = [
    "Decision",
    "GoldJudge",
    "Judge",
    "ModelJudge",
    "RandomJudge",
    "decide",
    "from_checklist",
    "share_of",
]
