"""What a judge that is trained by reinforcement writes, judged: is its verdict the known one? Asks no model.

Prompts are a judge's questions whose right verdict is known (step `judge-questions`), in both orders of two answers.
A text without a verdict is neither right nor wrong: the parts that look at the verdict abstain, and the form says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rlaif.errors import InputError
from rlaif.hashing import digest
from rlaif.judging.cot import read_verdict
from rlaif.judging.kinds import JudgeContext, JudgeKind, rest_of
from rlaif.judging.labels import CallReading
from rlaif.judging.parse import VERSION
from rlaif.judging.protocol import Judge, One
from rlaif.judging.scoring_judge import RewardReading, ScoringJudge
from rlaif.records import TOGETHER, Prompt, State

VERDICT = "verdict"
"""The column of the questions that holds the right verdict, `A` or `B`; both orders have one value of `together`."""
RIGHT, BOTH, FORM = PARTS = ("right", "both", "form")


class VerdictJudge(ScoringJudge):
    """One part of the reward of a thinking judge (J1, 2505.10320; RM-R1, 2505.02387).

    `right`: 1 for the known verdict, 0 for the other one. `both`: 0 for the other one; for the known one the share of
    the different readable texts to the same comparison in the other order, among those judged now, that are right.
    `form`: 1 where there is a verdict, 0 where there is none.
    """

    may_abstain: ClassVar[bool] = True
    described: ClassVar[str] = "the known verdicts of a judge's questions (verdict:PART)"

    def __init__(self, part: str) -> None:
        """Raises InputError for a part that there is not."""
        if part not in PARTS:
            raise InputError(f"verdict:{part}: is none of {', '.join(f'verdict:{each}' for each in PARTS)}")
        self.name = f"verdict:{part}"
        self.fingerprint = digest("judge", "verdict", VERSION, part)
        self._part = part

    def scored(self, items: Sequence[One]) -> Mapping[str, RewardReading]:
        """Of each completion what this part says."""
        said = {each.id: read_verdict(each.text) for _, each in items}
        rights = {each.id: _is_right(prompt, said[each.id]) for prompt, each in items}
        return {
            each.id: RewardReading((), self._reading(prompt, said[each.id], rights, each.id, items))
            for prompt, each in items
        }

    def _reading(
        self,
        prompt: Prompt,
        said: CallReading,
        rights: Mapping[str, bool | None],
        name: str,
        items: Sequence[One],
    ) -> CallReading:
        if self._part == FORM:
            return CallReading(State.SCORE, float(said.value is not None))
        if said.value is None:
            return CallReading(State.ABSTAIN, detail=said.detail)
        right = rights[name]
        if right is None:
            return CallReading(State.ABSTAIN, detail=f"the prompt has no known verdict ({VERDICT})")
        if self._part == RIGHT or not right:
            return CallReading(State.SCORE, float(right))
        others = [
            rights[each.id]
            for other, each in items
            if other.id != prompt.id and other.meta.get(TOGETHER) == prompt.meta.get(TOGETHER)
        ]
        known = [each for each in others if each is not None]
        if prompt.meta.get(TOGETHER) is None or not known:
            return CallReading(State.ABSTAIN, detail="the other order is not among what is judged")
        return CallReading(State.SCORE, sum(known) / len(known))


def _is_right(prompt: Prompt, said: CallReading) -> bool | None:
    """None where nothing was said, or nothing is known."""
    known = prompt.meta.get(VERDICT)
    if said.value is None or known not in ("A", "B"):
        return None
    return bool((known == "A") == bool(said.value))


def _open(name: str, _: JudgeContext) -> Judge:
    return VerdictJudge(rest_of(name))


def _prepare(name: str, context: JudgeContext) -> None:
    _open(name, context)


JUDGE_KIND = JudgeKind(
    name="verdict",
    help="verdict:right, verdict:both, verdict:form: the known verdict of a judge's question, and its form",
    open=_open,
    makes=VerdictJudge,
    bare=False,
    prepare=_prepare,
)
