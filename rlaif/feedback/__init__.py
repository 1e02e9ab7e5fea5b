"""From prompts to preference pairs: sample, critique, revise, judge, pair."""

from rlaif.feedback.critique import ViolatedPrinciples, critiques
from rlaif.feedback.funnel import Funnel
from rlaif.feedback.pairing import PairPlan
from rlaif.feedback.pairs import Paired, make_pairs
from rlaif.feedback.revise import Revisable, revise
from rlaif.feedback.sample import FailedDraw, SampledCompletions, sample
from rlaif.feedback.score import ScoredCompletion, score_completions

__all__ = [
    "FailedDraw",
    "Funnel",
    "PairPlan",
    "Paired",
    "Revisable",
    "SampledCompletions",
    "ScoredCompletion",
    "ViolatedPrinciples",
    "critiques",
    "make_pairs",
    "revise",
    "sample",
    "score_completions",
]
