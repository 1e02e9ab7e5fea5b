"""Rules with their weights as judge: one number a completion as a whole, and none of any principle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rlaif.errors import InputError, ModelError
from rlaif.judging.kinds import JudgeContext, JudgeKind, named_in
from rlaif.judging.labels import CallReading
from rlaif.judging.protocol import Judge, One
from rlaif.judging.rbr.reward import ModelReward, RuleReward
from rlaif.judging.rbr.weights import Weights, read_weights
from rlaif.judging.scoring_judge import RewardReading, ScoringJudge
from rlaif.records import State


class RuleJudge(ScoringJudge):
    """Judges as a reward model does, by the total reward of fitted rules."""

    def __init__(self, name: str, reward: RuleReward) -> None:
        self.name = name
        self.reward = reward
        self.fingerprint = reward.weights.digest

    def scored(self, items: Sequence[One]) -> Mapping[str, RewardReading]:
        """The total reward of each completion; none where a proposition or the reward model could not be read."""
        parts = self.reward.scored(items)
        return {
            completion.id: RewardReading(
                each.calls,
                CallReading(each.failed or State.UNREADABLE)
                if each.failed is not None or each.reward is None
                else CallReading(State.SCORE, each.reward),
            )
            for (_, completion), each in zip(items, parts, strict=True)
        }


def _weights(name: str, context: JudgeContext) -> tuple[Weights, str]:
    """The weights of a file and the name of their judge. Raises ModelError where a model behind them changed."""
    weights = read_weights(Path(named_in(name)))
    if weights.rules is None or weights.judge is None:
        raise InputError(f"{name}: was fitted to given features, and judges no answers; fit to answers")
    for part in (weights.judge, weights.base):
        if part and context.fingerprint(part["name"]) != part["fingerprint"]:
            raise ModelError(f"{name}: {part['name']} is no longer the model it was fitted with; fit again")
    return weights, weights.judge["name"]


def _open(name: str, context: JudgeContext) -> Judge:
    weights, judge = _weights(name, context)
    base = ModelReward(context.engine(weights.base["name"])) if weights.base else None
    return RuleJudge(name, RuleReward(weights, context.judge(judge), base))


def _prepare(name: str, context: JudgeContext) -> None:
    _weights(name, context)


def _judges(name: str) -> list[str]:
    judge = read_weights(Path(named_in(name))).judge
    return [judge["name"]] if judge else []


def _models(name: str) -> list[str]:
    base = read_weights(Path(named_in(name))).base
    return [base["name"]] if base else []


JUDGE_KIND = JudgeKind(
    name="rbr",
    help="rbr:FILE: rules with weights that `rlaif rbr fit` wrote",
    open=_open,
    makes=RuleJudge,
    bare=False,
    prepare=_prepare,
    fingerprint=lambda name, context: _weights(name, context)[0].digest,
    judges=_judges,
    models=_models,
    told=True,
)
