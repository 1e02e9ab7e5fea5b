"""`noisy:SHARE:JUDGE`: a judge whose labels are turned for a share of the pairs, and of the answers to a checklist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from rlaif.judging.dealt_judge import DealtJudge, dealt_kind
from rlaif.records import Judgment

TURNED = "turned by noise"
"""Stands in the detail of such a judgment."""


class NoisyJudge(DealtJudge):
    """Says the opposite of the inner judge, as sure as that one was, where the noise meets it."""

    kind: ClassVar[str] = "noisy"

    def faulty(self, judgment: Judgment, texts: Sequence[str]) -> Judgment:
        """The opposite number."""
        assert judgment.value is not None, "a fault is dealt to what has a number"
        return replace(judgment, value=1.0 - judgment.value, detail=TURNED)


JUDGE_KIND = dealt_kind(
    NoisyJudge, "noisy:SHARE:JUDGE: that judge, its label turned for a share of the pairs"
)
