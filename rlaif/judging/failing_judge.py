"""`failing:SHARE:JUDGE`: a judge that gives no answer to a share of the pairs, and of the questions of a checklist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from rlaif.judging.dealt_judge import DealtJudge, dealt_kind
from rlaif.records import Judgment, State

FAILED = "no answer: the call failed, as dealt"
"""Stands in the detail of such a judgment."""


class FailingJudge(DealtJudge):
    """Gives no answer where a failure meets it: no score, no tie and no side."""

    kind: ClassVar[str] = "failing"

    def faulty(self, judgment: Judgment, texts: Sequence[str]) -> Judgment:
        """An answer that nobody can read."""
        return replace(judgment, state=State.UNREADABLE, value=None, label_mass=None, detail=FAILED)


JUDGE_KIND = dealt_kind(
    FailingJudge, "failing:SHARE:JUDGE: that judge, without an answer for a share of the pairs"
)
