"""How a judge is asked (protocols), how its reply is parsed, and how judgments become one label."""

from rlaif.judging.controls import GoldJudge, RandomJudge
from rlaif.judging.decide import Decision, decide, from_checklist, hard_ruling, log_odds
from rlaif.judging.kinds import JUDGES, JudgeContext, JudgeKind, judge_kind
from rlaif.judging.lengths import Lengths
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.options import JudgeOptions
from rlaif.judging.panel import PanelJudge
from rlaif.judging.protocol import Judge
from rlaif.judging.reward_judge import RewardJudge
from rlaif.judging.rules import number_of, share_of
from rlaif.judging.scoring_judge import ScoringJudge
from rlaif.judging.verifier_judge import VerifierJudge

__all__ = [
    "JUDGES",
    "Decision",
    "GoldJudge",
    "Judge",
    "JudgeContext",
    "JudgeKind",
    "JudgeOptions",
    "Lengths",
    "ModelJudge",
    "PanelJudge",
    "RandomJudge",
    "RewardJudge",
    "ScoringJudge",
    "VerifierJudge",
    "decide",
    "from_checklist",
    "hard_ruling",
    "judge_kind",
    "log_odds",
    "number_of",
    "share_of",
]
