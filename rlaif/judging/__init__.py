"""How a judge is asked (protocols), how its reply is parsed, and how judgments become one label."""

from rlaif.judging.controls import GoldJudge, RandomJudge
from rlaif.judging.decide import Decision, decide, from_checklist, hard_ruling, log_odds
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.panel import PanelJudge
from rlaif.judging.protocol import Judge
from rlaif.judging.reward_judge import PREFIX, RewardJudge
from rlaif.judging.rules import number_of, share_of
from rlaif.judging.verifier_judge import VerifierJudge
from rlaif.records import Engine

__all__ = [
    "Decision",
    "GoldJudge",
    "Judge",
    "ModelJudge",
    "PanelJudge",
    "RandomJudge",
    "RewardJudge",
    "VerifierJudge",
    "decide",
    "from_checklist",
    "hard_ruling",
    "judge_of",
    "log_odds",
    "number_of",
    "share_of",
]


def judge_of(engine: Engine, *, in_writing: bool = False) -> Judge:
    """The judge that a model makes: a reward model gives numbers, any other is asked in words."""
    if engine.name.startswith(PREFIX):
        return RewardJudge(engine)
    return ModelJudge(engine, in_writing=in_writing)
