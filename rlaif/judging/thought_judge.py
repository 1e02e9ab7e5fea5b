"""The form of a thinking model's text as judge: 1 where a thought stands before the answer, else 0. Asks no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rlaif.hashing import digest
from rlaif.judging.kinds import JudgeContext, JudgeKind
from rlaif.judging.labels import CallReading
from rlaif.judging.protocol import Judge, One
from rlaif.judging.scoring_judge import RewardReading, ScoringJudge
from rlaif.records import Completion, State

NAME = "thought:"


class ThoughtJudge(ScoringJudge):
    """The format reward of R1 (2501.12948, section 2.2.2).

    What the model writes around its thoughts is known from its template, or said in its role. Who writes nothing
    between the marks has not thought.
    """

    described: ClassVar[str] = "the form of a text with a thought (thought:)"
    name = NAME
    fingerprint = digest("judge", "thought")

    def scored(self, items: Sequence[One]) -> Mapping[str, RewardReading]:
        """Of each completion whether it has that form."""
        return {
            each.id: RewardReading((), CallReading(State.SCORE, float(has_thought(each))))
            for _, each in items
        }


def has_thought(completion: Completion) -> bool:
    """Whether a thought that ended, with something in it, stands before an answer with something in it."""
    answered = bool(completion.text.strip()) or bool(completion.tool_calls)
    return answered and not completion.open_thought and bool(completion.thought.strip())


def _open(_: str, __: JudgeContext) -> Judge:
    return ThoughtJudge()


JUDGE_KIND = JudgeKind(
    name="thought",
    help="thought: the form of a thinking model's text; 1 where a thought stands before the answer, else 0",
    open=_open,
    makes=ThoughtJudge,
    bare=False,
)
