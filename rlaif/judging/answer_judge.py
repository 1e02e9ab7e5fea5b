"""A known answer as judge: 1 where a completion's final answer is that of its prompt's row, else 0. Asks no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rlaif.errors import InputError
from rlaif.hashing import digest
from rlaif.judging.final_answers import agrees
from rlaif.judging.kinds import JudgeContext, JudgeKind, rest_of
from rlaif.judging.labels import CallReading
from rlaif.judging.protocol import Judge, One
from rlaif.judging.scoring_judge import RewardReading, ScoringJudge
from rlaif.records import State

VERSION = 1
"""Raised when equal texts are read differently."""


class AnswerJudge(ScoringJudge):
    """Verifiable rewards (RLVR, 2501.12948): the answer alone is read, without its thought.

    A prompt whose row has no known answer has nothing to check: the judge abstains. A text without a final answer is
    not right.
    """

    may_abstain: ClassVar[bool] = True
    described: ClassVar[str] = "the known answers of prompts (answer:COLUMN)"

    def __init__(self, column: str) -> None:
        self.name = f"answer:{column}"
        self.fingerprint = digest("judge", "answer", VERSION, column)
        self._column = column

    def scored(self, items: Sequence[One]) -> Mapping[str, RewardReading]:
        """Of each completion whether it is right."""
        nothing = CallReading(State.ABSTAIN, detail=f"the prompt has no known answer ({self._column})")
        found: dict[str, RewardReading] = {}
        for prompt, completion in items:
            known = prompt.meta.get(self._column)
            reading = nothing
            if known is not None and known != "":
                reading = CallReading(State.SCORE, float(agrees(completion.text, known)))
            found[completion.id] = RewardReading((), reading)
        return found


def _open(name: str, _: JudgeContext) -> Judge:
    if not rest_of(name):
        raise InputError(f"{name}: names no column of the prompts; write answer:COLUMN")
    return AnswerJudge(rest_of(name))


def _prepare(name: str, context: JudgeContext) -> None:
    _open(name, context)


JUDGE_KIND = JudgeKind(
    name="answer",
    help="answer:COLUMN: the known answer in a column of the prompts; 1 where the final answer is that, else 0",
    open=_open,
    makes=AnswerJudge,
    bare=False,
    prepare=_prepare,
)
