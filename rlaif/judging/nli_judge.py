"""A classifier of textual entailment as judge: the reward of an answer is log P(it follows from its source).

The source is what the row of the prompt says in its column `source`, else the text of the prompt (2306.00186).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from rlaif.judging.ask import LOST
from rlaif.judging.kinds import JudgeContext, JudgeKind
from rlaif.judging.labels import CallReading
from rlaif.judging.protocol import Judge, One
from rlaif.judging.scoring_judge import RewardReading, ScoringJudge
from rlaif.judging.shown import shown_prompt
from rlaif.records import Completion, Engine, Message, Prompt, Score, ScoreRequest, State
from rlaif.store import call_key

SOURCE = "source"
"""The column of a prompt that holds the text from which an answer is to follow."""
NO_ANSWER = "it ends in a call of a tool, and a classifier reads an answer"


def source_of(prompt: Prompt) -> str:
    """The text from which answers to a prompt are to follow."""
    own = prompt.meta.get(SOURCE)
    return own if isinstance(own, str) and own.strip() else shown_prompt(prompt)


class NliJudge(ScoringJudge):
    """Asks a classifier for log P(entailment) of each completion as a whole."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.name = engine.name
        self.fingerprint = engine.fingerprint

    def with_engine(self, engine: Engine) -> NliJudge:
        """The same judge asking another engine."""
        return NliJudge(engine)

    def scored(self, items: Sequence[One]) -> Mapping[str, RewardReading]:
        """log P(entailment) of each completion, with the key of its call."""
        keys: dict[str, str] = {}

        def requests() -> Iterator[ScoreRequest]:
            for prompt, completion in items:
                if not completion.tool_calls:
                    request = _request(prompt, completion)
                    keys[request.id] = call_key(self.engine.fingerprint, request)
                    yield request

        found = {score.request_id: _read(score) for score in self.engine.score(requests())}
        unasked = RewardReading((), CallReading(State.ABSTAIN, detail=NO_ANSWER))
        return {
            each.id: RewardReading((keys[each.id],), found.get(each.id, LOST)) if each.id in keys else unasked
            for _, each in items
        }


def _request(prompt: Prompt, completion: Completion) -> ScoreRequest:
    return ScoreRequest(
        id=completion.id,
        messages=(Message(role="user", content=source_of(prompt)),),
        continuations=(completion.text,),
    )


def _read(score: Score) -> CallReading:
    if score.error is not None:
        return CallReading(State.TRANSPORT, detail=score.error)
    if len(score.logprobs) != 1 or not math.isfinite(score.logprobs[0]):
        return CallReading(State.TRANSPORT, detail="the classifier returned no probability")
    return CallReading(State.SCORE, score.logprobs[0])


def _open(name: str, context: JudgeContext) -> Judge:
    return NliJudge(context.engine(name))


JUDGE_KIND = JudgeKind(
    name="nli",
    help="nli:DIR: a classifier of textual entailment, log P(the answer follows from its source)",
    open=_open,
    makes=NliJudge,
    bare=False,
    model=True,
)
