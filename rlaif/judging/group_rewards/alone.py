"""Several components of a reward where each completion is judged by itself: rows of other trainers, in any order.

A row has the same number whatever other rows come with it. So a component that could not be read, or has nothing to
say, leaves no number of a sum: there are no siblings here whose level it could have.
"""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.judging.group_rewards.combined import Combined
from rlaif.judging.group_rewards.part import PromptGroup
from rlaif.judging.group_rewards.together import LEVELLED
from rlaif.records import Completion, Prompt


class RowsReward:
    """A `Reward` of `rlaif.records`."""

    def __init__(self, whole: Combined, *, seed: int = 0) -> None:
        self.whole, self.seed = whole, seed
        self.fingerprint = whole.fingerprint

    def rewards(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float | None]:
        """One a completion; None where there is none, as of one that was cut off."""
        rows = [
            (place, PromptGroup(prompt, [each]))
            for place, (prompt, each) in enumerate(zip(prompts, completions, strict=True))
            if each.finish != "length" and not each.open_thought
        ]
        found: list[float | None] = [None] * len(completions)
        if not rows:
            return found
        columns = self.whole.columns([group for _, group in rows], step=0, seed=self.seed)
        for number, (place, _) in enumerate(rows):
            own = [[column[number]] for column in columns]
            addends = [
                reading.value
                for part, [reading] in zip(self.whole.parts, own, strict=True)
                if not part.hard and (part.weight or self.whole.together != "sum")
            ]
            lacking = self.whole.together in LEVELLED and any(each is None for each in addends)
            broken = any(
                part.hard and part.met(reading) is False
                for part, [reading] in zip(self.whole.parts, own, strict=True)
            )
            found[place] = None if lacking and not broken else self.whole.totals(own, [1])[0]
        return found
