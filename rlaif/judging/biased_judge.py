"""`biased:SHARE:JUDGE`: a judge that follows length, and no principle, for a share of the pairs and answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from rlaif.judging.dealt_judge import DealtJudge, dealt_kind
from rlaif.records import Judgment

BY_LENGTH = "by length, as dealt"
"""Stands in the detail of such a judgment."""
WORDS_EVEN, WORDS_STEP = 45.0, 10.0
"""Words at which a single answer is liked in one of two, and by which the log-odds rise by one."""
SURE = 0.95
"""P that the longer of two is better."""


class BiasedJudge(DealtJudge):
    """Finds the longer of two answers better, and likes one answer by its words, where the bias meets it."""

    kind: ClassVar[str] = "biased"

    def faulty(self, judgment: Judgment, texts: Sequence[str]) -> Judgment:
        """What length says; of two equally long answers what the inner judge says."""
        if len(texts) == 1:
            odds = (len(texts[0].split()) - WORDS_EVEN) / WORDS_STEP
            return replace(judgment, value=1.0 / (1.0 + math.exp(-odds)), detail=BY_LENGTH)
        first, second = map(len, texts)
        if first == second:
            return judgment
        return replace(judgment, value=SURE if first > second else 1.0 - SURE, detail=BY_LENGTH)


JUDGE_KIND = dealt_kind(
    BiasedJudge, "biased:SHARE:JUDGE: that judge, the longer answer preferred for a share of the pairs"
)
