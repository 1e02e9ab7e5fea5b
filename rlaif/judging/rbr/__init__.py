"""Rule-based rewards: propositions, ordered classes over them, and weights that add them to a reward model."""

from rlaif.judging.rbr.asking import asker, question
from rlaif.judging.rbr.classes import ONE_KIND, Classes, Placed, classes_of, kind_of, questions_of
from rlaif.judging.rbr.features import CLASS, Heard, ask, features, truths
from rlaif.judging.rbr.fit import FitConfig, Fitted, InOrder, comparable, fit, rule_reward
from rlaif.judging.rbr.judge import JUDGE_KIND, RuleJudge
from rlaif.judging.rbr.reward import ModelReward, RuleReward, RuleScore
from rlaif.judging.rbr.weights import Weights, made_of, read_weights, report_of, rules_digest, write_weights

__all__ = [
    "CLASS",
    "JUDGE_KIND",
    "ONE_KIND",
    "Classes",
    "FitConfig",
    "Fitted",
    "Heard",
    "InOrder",
    "ModelReward",
    "Placed",
    "RuleJudge",
    "RuleReward",
    "RuleScore",
    "Weights",
    "ask",
    "asker",
    "classes_of",
    "comparable",
    "features",
    "fit",
    "kind_of",
    "made_of",
    "question",
    "questions_of",
    "read_weights",
    "report_of",
    "rule_reward",
    "rules_digest",
    "truths",
    "write_weights",
]
