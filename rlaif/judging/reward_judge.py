"""A reward model as judge: one number a completion as a whole, and none of any principle."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from rlaif.judging.ask import LOST
from rlaif.judging.kinds import JudgeContext, JudgeKind
from rlaif.judging.labels import CallReading
from rlaif.judging.protocol import Judge, One
from rlaif.judging.reward_request import NO_TEXT, reward_request
from rlaif.judging.scoring_judge import RewardReading, ScoringJudge
from rlaif.records import Engine, Score, ScoreRequest, State
from rlaif.store import call_key

PREFIX = "reward:"


class RewardJudge(ScoringJudge):
    """Asks a reward engine for the number of each completion."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.name = engine.name
        self.fingerprint = engine.fingerprint

    def with_engine(self, engine: Engine) -> RewardJudge:
        """The same judge asking another engine."""
        return RewardJudge(engine)

    def scored(self, items: Sequence[One]) -> Mapping[str, RewardReading]:
        """The reward of each completion, with the key of its call."""
        keys: dict[str, str] = {}

        def requests() -> Iterator[ScoreRequest]:
            for prompt, completion in items:
                request = reward_request(prompt, completion)
                if request is not None:
                    keys[request.id] = call_key(self.engine.fingerprint, request)
                    yield request

        found = {score.request_id: _read(score) for score in self.engine.score(requests())}
        unasked = RewardReading((), CallReading(State.ABSTAIN, detail=NO_TEXT))
        return {
            each.id: RewardReading((keys[each.id],), found.get(each.id, LOST)) if each.id in keys else unasked
            for _, each in items
        }


def _read(score: Score) -> CallReading:
    if score.error is not None:
        return CallReading(State.TRANSPORT, detail=score.error)
    if len(score.logprobs) != 1 or not math.isfinite(score.logprobs[0]):
        return CallReading(State.TRANSPORT, detail="the model returned no reward")
    return CallReading(State.SCORE, score.logprobs[0])


def _open(name: str, context: JudgeContext) -> Judge:
    return RewardJudge(context.engine(name))


JUDGE_KIND = JudgeKind(
    name="reward",
    help="reward:DIR: a scalar reward model, one number a completion",
    open=_open,
    makes=RewardJudge,
    bare=False,
    model=True,
)
